using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>Made-up mask, kernel and matrix for the operators that name a file, so that a bench covers the whole catalogue.</summary>
/// <param name="shape">The shape of images.</param>
internal sealed class BenchmarkFiles(ImageShape shape) : IOperatorFiles
{
    /// <summary>The rows of the matrix: few, because it has a column for each number of the image and the time of a step grows with it.</summary>
    public const int MatrixRows = 16;

    private const int KernelSide = 9;

    /// <inheritdoc/>
    public Tensor LoadPlane(string path)
    {
        using var scope = new Scope();
        var noise = new SeededNoise(11);
        return scope.Keep(Path.GetFileNameWithoutExtension(path) switch
        {
            "mask" => noise.Normal([1, shape.Height, shape.Width], DType.Float64).Squeeze(0).Greater(0).To(DType.Float64),
            "kernel" => noise.Normal([1, KernelSide, KernelSide], DType.Float64).Squeeze(0).Square(),
            "matrix" => noise.Normal([1, MatrixRows, shape.Count], DType.Float64).Squeeze(0) * (1 / Math.Sqrt(shape.Count)),
            _ => throw new OperatorException($"the bench has no file '{path}'"),
        });
    }
}
