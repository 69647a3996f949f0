using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>Where a diffusion starts.</summary>
public enum StartingPoint
{
    /// <summary>Pure noise, as large as the schedule's process has it.</summary>
    Noise,

    /// <summary>The pseudo-inverse of the measurement with noise of the highest level, <c>H^+ y + sigma z</c>; needs a linear operator.</summary>
    PseudoInverse,
}

internal static class StartingPoints
{
    /// <summary>The first state, by one image-shaped draw.</summary>
    public static Tensor First(this StartingPoint start, Solver solver, ForwardOperator h, Tensor y, NoiseSource noise, NoiseSchedule schedule, double sigma)
    {
        using var scope = new Scope();
        var z = noise.Normal(h.InputShape.Batch(y.Size(0)), y.DType, y.Device);
        if (start == StartingPoint.Noise) return scope.Keep(z * schedule.InitialScale(sigma));
        return h is LinearOperator linear ? scope.Keep(linear.PseudoInverse(y).AddScaled(z, sigma)) : throw new UnsupportedOperatorException(solver, h);
    }
}
