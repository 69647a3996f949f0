using Posterior.Imaging;

namespace Posterior.Operators;

/// <summary>Any matrix from a file.</summary>
/// <param name="Path">An array or text matrix with a column for each number of an image, channels first, row-major.</param>
/// <param name="PerChannel">Whether the matrix acts on each channel.</param>
/// <param name="Threshold">Singular values below it are zero.</param>
public sealed record MatrixSpec(string Path, bool PerChannel = false, double Threshold = DenseMatrix.DefaultThreshold) : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new(
        "matrix", "matrix:FILE[,per-channel=no,threshold=0.001]", "matrix:matrix.npy", "Any matrix (.npy or text) with a column for each number of the image.",
        text => new MatrixSpec(text.Argument, text.YesNo("per-channel", false), text.Real("threshold", 0, 1e6) ?? DenseMatrix.DefaultThreshold))
    { Argument = "FILE" };

    /// <inheritdoc/>
    public override string? NamedFile => Path;

    /// <inheritdoc/>
    public override OperatorSpec WithFile(string path) => this with { Path = path };

    /// <inheritdoc/>
    public override bool MakesPictures => false;

    /// <inheritdoc/>
    public override string Text =>
        $"matrix:{Path}{(PerChannel ? ",per-channel=yes" : "")}{(Threshold == DenseMatrix.DefaultThreshold ? "" : $",threshold={Operators.Text.Of(Threshold)}")}";

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) =>
        new DenseMatrix(site.Shape, site.LoadPlane(Path), PerChannel, Threshold, Text) { DType = site.DType, Device = site.Device };

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files)
    {
        var (height, width) = Stated(size);
        if (PerChannel)
        {
            return measurement is [var channels, _]
                ? new(channels, height, width)
                : throw new OperatorException($"operator '{Text}': expected a measurement of channels x numbers, found {string.Join('x', measurement)}");
        }

        using var scope = new Torch.Scope();
        var columns = new OperatorSite(default, files).LoadPlane(Path).Size(1);
        return columns % (height * width) == 0
            ? new(columns / (height * width), height, width)
            : throw new OperatorException($"operator '{Text}': a matrix of {columns} columns does not fit images of {width}x{height}");
    }
}
