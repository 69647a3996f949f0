using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// One evaluation of a network that was trained to restore (SwinIR, DnCNN, DRUNet, one of our own): the model's card says which picture it takes. A denoiser restores a noisy
/// picture at the measurement's noise level in the same way; it knows nothing of other degradations.
/// </summary>
public sealed record OneShot : Solver<ForwardOperator, ImagePredictor>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new OneShot(), "one evaluation of a network trained for the task, or of a denoiser", "Liang et al. 2021, arXiv:2108.10257; Zhang et al. 2017, arXiv:1608.03981");

    /// <inheritdoc/>
    public override string Name => "network";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override int Evaluations => 1;

    /// <inheritdoc/>
    public override string Remedy => "check that the model is for this task and this value range";

    /// <inheritdoc/>
    public override string NeedsOfModel => "a one-shot restorer or a denoiser";

    /// <inheritdoc/>
    public override bool Accepts(ImagePredictor predictor) => predictor is OneShotRestorer or Denoiser;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<ForwardOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var (y, h, sigma) = (measurement.Data, measurement.Operator, measurement.Sigma);
        var estimate = predictor switch
        {
            OneShotRestorer restorer => restorer.Restore(RestorerPicture.Of(restorer.Input, restorer.Scale, h, y), sigma),
            Denoiser denoiser => denoiser.Denoise(RestorerPicture.Of(RestorerInput.Picture, 1, h, y), Math.Clamp(sigma, denoiser.SigmaRange.Min, denoiser.SigmaRange.Max)),
            _ => throw new UnsupportedModelException(this, predictor),
        };
        progress?.Report(new(0, 1, sigma, estimate));
        cancellation.ThrowIfCancellationRequested();
        return new(ReferenceEquals(estimate, y) ? estimate.Clone() : estimate, 1);
    }
}
