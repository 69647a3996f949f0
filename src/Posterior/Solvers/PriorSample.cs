using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// The baseline that does not look at the measurement: a sample of the prior by EDM's Heun method in 32 steps, 63 evaluations. A model that takes measurements is given none
/// (<see cref="ZeroOperator"/>), so that it can be compared with others as an unconditional model (InvFussion Table 4).
/// </summary>
public sealed record PriorSample : Solver<ForwardOperator, ImagePredictor>
{
    private static readonly EdmHeun _sampler = new() { Steps = 32 };

    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new PriorSample(), "a sample of the model alone, the baseline of what measurements tell", "Karras et al. 2022, arXiv:2206.00364");

    /// <inheritdoc/>
    public override string Name => "prior";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override int Evaluations => _sampler.Evaluations;

    /// <inheritdoc/>
    public override int Reports => _sampler.StepCount;

    /// <inheritdoc/>
    public override string NeedsOfModel => "a prior or a model that takes the measurement";

    /// <inheritdoc/>
    public override bool Accepts(ImagePredictor predictor) => predictor is Denoiser or ConditionalDenoiser;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<ForwardOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, shape) = (measurement.Data, measurement.Operator.InputShape);
        using var nothing = new ZeroOperator(shape) { DType = y.DType, Device = y.Device };
        var denoiser = predictor switch
        {
            Denoiser prior => prior,
            ConditionalDenoiser conditional => conditional.Given(Tensor.Zeros([y.Size(0), 1], y.DType, y.Device), nothing, 0),
            _ => throw new UnsupportedModelException(this, predictor),
        };
        var sample = _sampler.Sample(denoiser, y.Size(0), shape, noise, y.DType, y.Device, SamplerSteps.Of(progress), cancellation);
        return new(sample, Evaluations);
    }
}
