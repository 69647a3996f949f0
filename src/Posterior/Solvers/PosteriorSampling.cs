using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What is drawn of a posterior.</summary>
public enum PosteriorEstimate
{
    /// <summary>A sample.</summary>
    Sample,

    /// <summary>The posterior mean, by one evaluation on pure noise (InvFussion App. B): <c>E[x0 | x_t, y]</c> tends to <c>E[x0 | y]</c>.</summary>
    Mmse,
}

/// <summary>
/// Restoration by a model that was trained to use the measurement: any sampler of priors draws from its posterior. What differs between the methods is
/// the network that they belong to.
/// </summary>
public abstract record PosteriorSampling : Solver<LinearOperator, ConditionalDenoiser>
{
    /// <summary>The noise level of <see cref="PosteriorEstimate.Mmse"/>, for images in [-1, 1] (InvFussion App. B).</summary>
    public const double MmseSigma = 100;

    private const int MostSteps = 1000;

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override string NeedsOfModel => "a model that takes the measurement";

    /// <inheritdoc/>
    public override int Evaluations => Estimate == PosteriorEstimate.Mmse ? 1 : Drawing.Evaluations;

    /// <inheritdoc/>
    public override int Reports => Estimate == PosteriorEstimate.Mmse ? 1 : Drawing.StepCount;

    /// <summary>What is drawn.</summary>
    public PosteriorEstimate Estimate { get; init; }

    /// <summary>The sampler, a name of <see cref="SamplerCatalog"/>; 32 steps of Heun's method are 63 evaluations.</summary>
    public string Sampler { get; init; } = "heun";

    /// <summary>The number of steps.</summary>
    public int Steps { get; init; } = 32;

    /// <summary>Whether the method belongs to networks that see the operator.</summary>
    protected abstract bool NeedsOperator { get; }

    private Sampler Drawing => SamplerCatalog.Create(Sampler, new() { Steps = Math.Clamp(Steps, 1, MostSteps) });

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => Between("steps", Steps, 1, MostSteps);

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, ConditionalDenoiser predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        if (predictor.SeesOperator != NeedsOperator)
            throw new SolverOptionsException($"solver '{Name}' is for models that see {(NeedsOperator ? "the operator, and this one sees the pseudo-inverse alone: use palette" : "the pseudo-inverse alone, and this one sees the operator: use invfussion")}");
        var (y, shape) = (measurement.Data, measurement.Operator.InputShape);
        var denoiser = new CountedDenoiser(predictor.Given(y, measurement.Operator, measurement.Sigma));
        if (Estimate == PosteriorEstimate.Mmse)
        {
            cancellation.ThrowIfCancellationRequested();
            var sigma = Math.Min(MmseSigma, predictor.SigmaRange.Max);
            var mean = denoiser.Denoise(noise.Normal(shape.Batch(y.Size(0)), y.DType, y.Device) * sigma, sigma);
            progress?.Report(new(0, 1, sigma, mean));
            return new(mean, denoiser.Calls);
        }
        var sample = Drawing.Sample(denoiser, y.Size(0), shape, noise, y.DType, y.Device, SamplerSteps.Of(progress), cancellation);
        return new(sample, denoiser.Calls);
    }

    /// <summary>Adds the settings that the methods share to a line of the catalogue.</summary>
    private protected static SolverEntry With<TSolver>(SolverEntry<TSolver> entry)
        where TSolver : PosteriorSampling => entry
        .Choice("estimate", s => s.Estimate, (s, v) => s with { Estimate = v })
        .Text("sampler", string.Join(", ", SamplerCatalog.All.Select(sampler => sampler.Name)), s => s.Sampler, (s, v) => s with { Sampler = SamplerCatalog.Find(v).Name })
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v });
}

/// <summary>InvFussion (Elata, Chung, Ye, Michaeli, Elad 2025): the network is told measurement and operator, in its input and in its attention.</summary>
public sealed record InvFussion : PosteriorSampling
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = With(SolverEntry.Of(new InvFussion(), "a network that was trained with the operator inside; samples or means of its posterior", "Elata et al. 2025, arXiv:2504.01689"));

    /// <inheritdoc/>
    public override string Name => "invfussion";

    /// <inheritdoc/>
    protected override bool NeedsOperator => true;
}

/// <summary>Palette (Saharia et al. 2022): the network sees the pseudo-inverse of the measurement as further input channels.</summary>
public sealed record Palette : PosteriorSampling
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = With(SolverEntry.Of(new Palette(), "a network that was trained with the pseudo-inverse as input; samples or means of its posterior", "Saharia et al. 2022, arXiv:2111.05826"));

    /// <inheritdoc/>
    public override string Name => "palette";

    /// <inheritdoc/>
    protected override bool NeedsOperator => false;
}
