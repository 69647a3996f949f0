using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// The baseline of super-resolution: bicubic interpolation (Keys 1981) of the small picture, with the kernel's parameter a = -0.75, pixel centres aligned by area
/// and the edge repeated: libtorch's. Other programs take a = -0.5, which moves PSNR by tenths of a decibel.
/// </summary>
public sealed record Bicubic : Solver<ForwardOperator, ImagePredictor>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Bicubic(), "bicubic enlargement (a = -0.75), the baseline of super-resolution", "Keys 1981");

    /// <inheritdoc/>
    public override string Name => "bicubic";

    /// <inheritdoc/>
    public override string Needs => "an operator whose measurement is a smaller picture";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    public override int Evaluations => 0;

    /// <summary>Whether measurements are pictures of fewer pixels with the channels of the image.</summary>
    internal static bool IsSmaller(ForwardOperator h) =>
        h.OutputShape is [var channels, var height, var width] && channels == h.InputShape.Channels
        && height <= h.InputShape.Height && width <= h.InputShape.Width && height * width < h.InputShape.Height * h.InputShape.Width;

    /// <summary>The picture at the size of the image.</summary>
    internal static Tensor Enlarge(ForwardOperator h, Tensor y) => y.UpsampleBicubic(h.InputShape.Height, h.InputShape.Width);

    /// <inheritdoc/>
    protected override bool Fits(ForwardOperator h) => IsSmaller(h);

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<ForwardOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(Enlarge(measurement.Operator, measurement.Data), 0);
    }
}
