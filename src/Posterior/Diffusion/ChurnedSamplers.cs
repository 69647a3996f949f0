using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A sampler of the ordinary differential equation that may first add noise in each step (Karras et al. 2022, Alg. 2).</summary>
public abstract record ChurnedSampler : Sampler
{
    /// <summary>How much noise is added, over all steps; 0 is deterministic.</summary>
    public double Churn { get; init; }

    /// <summary>Noise is added from this level on.</summary>
    public double ChurnMin { get; init; }

    /// <summary>Noise is added up to this level.</summary>
    public double ChurnMax { get; init; } = double.PositiveInfinity;

    /// <summary>The standard deviation of the added noise, relative.</summary>
    public double ChurnNoise { get; init; } = 1;

    /// <summary>Whether noise is drawn in steps that add none too, as the code of EDM does; EDM2's draws what it uses.</summary>
    public bool DrawEveryStep { get; init; }

    /// <inheritdoc/>
    protected sealed override Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor first, double[] levels) => (x, i) =>
    {
        var (sigma, raised) = (levels[i], levels[i]);
        var churned = Churn > 0 && sigma >= ChurnMin && sigma <= ChurnMax;
        if (churned || DrawEveryStep)
        {
            var z = noise.NormalLike(x);
            if (churned)
            {
                raised = sigma * (1 + Math.Min(Churn / (levels.Length - 1), Math.Sqrt(2) - 1));
                x = x.AddScaled(z, Math.Sqrt(raised * raised - sigma * sigma) * ChurnNoise);
            }
        }
        return Step(prior, x, raised, levels[i + 1]);
    };

    /// <summary>The step of the differential equation.</summary>
    protected abstract (Tensor Next, Tensor Estimate) Step(Denoiser prior, Tensor x, double sigma, double next);
}

/// <summary>Heun's second-order method (Karras et al. 2022, Alg. 1, 2): two evaluations a step, one in the last.</summary>
public sealed record EdmHeun : ChurnedSampler
{
    /// <inheritdoc/>
    public override int Evaluations => 2 * StepCount - 1;

    /// <inheritdoc/>
    protected override (Tensor Next, Tensor Estimate) Step(Denoiser prior, Tensor x, double sigma, double next)
    {
        var estimate = prior.Denoise(x, sigma);
        var slope = (x - estimate) * (1 / sigma);
        var euler = x.AddScaled(slope, next - sigma);
        if (next == 0) return (euler, estimate);
        slope.AddInPlace((euler - prior.Denoise(euler, next)).MultiplyInPlace(1 / next));
        return (x.AddScaled(slope, (next - sigma) / 2), estimate);
    }
}

/// <summary>Euler's method: DDIM with eta 0.</summary>
public sealed record Euler : ChurnedSampler
{
    /// <inheritdoc/>
    protected override (Tensor Next, Tensor Estimate) Step(Denoiser prior, Tensor x, double sigma, double next)
    {
        var estimate = prior.Denoise(x, sigma);
        return (x.Lerp(estimate, 1 - next / sigma), estimate);
    }
}

/// <summary>DPM-Solver-2 (Lu et al. 2022, Alg. 1) in the form of Karras et al. 2022: the slope at the geometric mean of both levels; two evaluations a step, one in the last.</summary>
public sealed record DpmSolver2 : ChurnedSampler
{
    /// <inheritdoc/>
    public override int Evaluations => 2 * StepCount - 1;

    /// <inheritdoc/>
    protected override (Tensor Next, Tensor Estimate) Step(Denoiser prior, Tensor x, double sigma, double next)
    {
        var estimate = prior.Denoise(x, sigma);
        if (next == 0) return (estimate.Lerp(x, 0), estimate);
        var middle = Math.Sqrt(sigma * next);
        var half = estimate.Lerp(x, middle / sigma);
        var slope = half - prior.Denoise(half, middle);
        return (x.AddScaled(slope, (next - sigma) / middle), estimate);
    }
}
