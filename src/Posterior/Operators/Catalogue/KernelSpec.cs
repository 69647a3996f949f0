using System.Globalization;
using Posterior.Imaging;

namespace Posterior.Operators;

/// <summary>Deblurring of a circular convolution with a kernel from a file.</summary>
/// <param name="Path">An image, array or text matrix; its middle pixel is (rows / 2, columns / 2).</param>
/// <param name="Stride">The step between measured pixels, 1 to 256.</param>
/// <param name="Threshold">Singular values below it are zero.</param>
/// <param name="Normalize">Whether the kernel is scaled to sum 1.</param>
public sealed record KernelSpec(string Path, int Stride = 1, double Threshold = CircularConvolution.DefaultThreshold, bool Normalize = true) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "kernel", "kernel:FILE[,stride=1,threshold=0.001,normalize=yes]", "kernel:kernel.txt",
        "Deblurring of a circular convolution with any kernel (image, .npy or text matrix), every stride-th pixel kept.",
        text => new KernelSpec(
            text.Argument, text.Whole("stride", 1, 1, 256), text.Real("threshold", 0, 1) ?? CircularConvolution.DefaultThreshold, text.YesNo("normalize", true)))
    { Argument = "FILE" };

    /// <inheritdoc/>
    public override string? NamedFile => Path;

    /// <inheritdoc/>
    public override OperatorSpec WithFile(string path) => this with { Path = path };

    /// <inheritdoc/>
    public override string Text => string.Create(
        CultureInfo.InvariantCulture,
        $"kernel:{Path}{(Stride == 1 ? "" : $",stride={Stride}")}{(Threshold == CircularConvolution.DefaultThreshold ? "" : $",threshold={Operators.Text.Of(Threshold)}")}{(Normalize ? "" : ",normalize=no")}");

    /// <inheritdoc/>
    public override int RequiredMultiple => Stride;

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site)
    {
        var kernel = site.LoadPlane(Path);
        if (Normalize)
        {
            kernel = kernel.To(Torch.DType.Float64);
            var sum = kernel.Sum().Item();
            if (Math.Abs(sum) <= 1e-12 * kernel.Abs().Sum().Item()) throw new OperatorException($"operator '{Text}': the kernel sums to zero (normalize=no takes it as it is)");
            kernel /= sum;
        }

        return new CircularConvolution(site.Shape, kernel, Stride, Threshold, Text) { DType = site.DType, Device = site.Device };
    }

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files) => Enlarged(measurement, Stride);
}
