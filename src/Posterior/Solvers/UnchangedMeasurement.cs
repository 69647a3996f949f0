using Posterior.Diffusion;
using Posterior.Operators;

namespace Posterior.Solvers;

/// <summary>The baseline that does nothing: the blurred, noisy or incomplete picture itself, where a measurement is an image of the shape that is wanted.</summary>
public sealed record UnchangedMeasurement : Solver<ForwardOperator, ImagePredictor>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new UnchangedMeasurement(), "the blurred or noisy picture itself, the baseline of deblurring and denoising", "none");

    /// <inheritdoc/>
    public override string Name => "measurement";

    /// <inheritdoc/>
    public override string Needs => "an operator whose measurement is a picture of the image's shape";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    public override int Evaluations => 0;

    /// <inheritdoc/>
    protected override bool Fits(ForwardOperator h) => RestorerPicture.IsPicture(h, 1);

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<ForwardOperator> measurement, ImagePredictor predictor, Torch.NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(measurement.Data.Clone(), 0);
    }
}
