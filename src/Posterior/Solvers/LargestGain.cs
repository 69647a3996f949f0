using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>The largest squared singular value of an operator, which limits the step of a descent on <c>|H x - y|^2</c>.</summary>
internal static class LargestGain
{
    private const int Iterations = 30;

    // Power iteration comes from below, within some percent after this many.
    private const double Margin = 1.1;

    /// <summary>Exact for operators with singular values, else by power iteration from a fixed start, rounded up.</summary>
    public static double Squared(LinearOperator h, DType dtype, Device device)
    {
        using var scope = new Scope();
        if (h is SpectralOperator spectral) return Math.Pow(spectral.SingularValues.Max().Item(), 2);
        var x = new SeededNoise(0).Normal(h.InputShape.Batch(1), dtype, device);
        var gain = 0.0;
        for (var i = 0; i < Iterations; i++)
        {
            using var step = new Scope();
            var size = x.Norm().Item();
            if (size == 0) return 0;
            var image = h.Adjoint(h.Apply(x * (1 / size)));
            gain = image.Norm().Item();
            step.Replace(ref x, image);
        }
        return gain * Margin;
    }
}
