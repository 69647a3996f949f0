using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// DPM-Solver++ for the reverse stochastic differential equation, with estimates of earlier steps for higher order (Lu et al. 2022, App. A, in the form of k-diffusion).
/// <see cref="Eta"/> scales the noise; 0 is the ordinary equation.
/// </summary>
/// <remarks>Noise is independent from step to step; k-diffusion's Brownian tree makes it the same path for any number of steps.</remarks>
public abstract record DpmSolverSde : Sampler
{
    /// <summary>How much noise each step adds and removes; 1 is the reverse process.</summary>
    public double Eta { get; init; } = 1;

    /// <inheritdoc cref="AncestralMidpoint.NoiseScale"/>
    public double NoiseScale { get; init; } = 1;

    /// <summary>How many earlier estimates a step uses.</summary>
    private protected abstract int Memory { get; }

    /// <inheritdoc/>
    protected sealed override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels)
    {
        var earlier = Enumerable.Range(0, Memory).Select(_ => first.EmptyLike()).ToArray();
        return (x, i) =>
        {
            var (sigma, next) = (levels[i], levels[i + 1]);
            var estimate = prior.Denoise(x, sigma);
            var result = estimate;
            if (next > 0)
            {
                // h, and the exponent e = h (1 + eta), of the step in -ln sigma.
                var h = Math.Log(sigma / next);
                var e = h * (1 + Eta);
                result = (x * Math.Exp(-e)).AddInPlace(estimate, -double.ExpM1(-e));
                var known = Math.Min(i, Memory);
                if (known > 0) Correct(result, [estimate, .. earlier[..known]], [.. Enumerable.Range(1, known).Select(k => Math.Log(levels[i - k] / levels[i - k + 1]) / h)], e);
                if (Eta > 0) result.AddInPlace(noise.NormalLike(x), NoiseScale * next * Math.Sqrt(-double.ExpM1(-2 * Eta * h)));
            }
            for (var k = Memory - 1; k > 0; k--) earlier[k].CopyFrom(earlier[k - 1]);
            earlier[0].CopyFrom(estimate);
            return (result, estimate);
        };
    }

    /// <summary>Adds what earlier estimates tell of the change of the estimate.</summary>
    /// <param name="result">The step of first order, changed in place.</param>
    /// <param name="estimates">This estimate and one or more earlier ones, the latest first.</param>
    /// <param name="ratios">The lengths of the steps before, the latest first, as multiples of this one.</param>
    /// <param name="e">The exponent of this step.</param>
    private protected abstract void Correct(Tensor result, Tensor[] estimates, double[] ratios, double e);
}

/// <summary>DPM-Solver++(2M) SDE: second order, one evaluation a step.</summary>
public sealed record DpmSolver2MSde : DpmSolverSde
{
    /// <summary>Whether the correction integrates the linear change of the estimate exactly (Heun) instead of taking it in the middle.</summary>
    public bool Heun { get; init; }

    private protected override int Memory => 1;

    private protected override void Correct(Tensor result, Tensor[] estimates, double[] ratios, double e) =>
        result.AddInPlace(estimates[0] - estimates[1], (Heun ? 1 + double.ExpM1(-e) / e : -0.5 * double.ExpM1(-e)) / ratios[0]);
}

/// <summary>DPM-Solver++(3M) SDE: third order, one evaluation a step.</summary>
public sealed record DpmSolver3MSde : DpmSolverSde
{
    private protected override int Memory => 2;

    private protected override void Correct(Tensor result, Tensor[] estimates, double[] ratios, double e)
    {
        var linear = 1 + double.ExpM1(-e) / e;
        var slope = (estimates[0] - estimates[1]) * (1 / ratios[0]);
        if (estimates.Length == 2)
        {
            result.AddInPlace(slope, linear);
            return;
        }
        // Newton's divided differences over both steps before.
        var bend = slope.AddScaled(estimates[1] - estimates[2], -1 / ratios[1]) * (1 / (ratios[0] + ratios[1]));
        result.AddInPlace(slope, linear).AddInPlace(bend, linear * ratios[0] - (linear / e - 0.5));
    }
}
