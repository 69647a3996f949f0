using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

/// <summary>The files that the examples of the catalogue name, made for images of one shape.</summary>
internal sealed class SmallFiles(ImageShape shape) : IOperatorFiles
{
    public Tensor LoadPlane(string path) => path switch
    {
        "mask.png" => Checkers(shape),
        "kernel.txt" => Tensor.From([0.05, 0.2, 0.1, 0.15, 0.3, 0.2], 2, 3).Narrow(0, 0, Math.Min(2, shape.Height)).Narrow(1, 0, Math.Min(3, shape.Width)),
        "matrix.npy" => new SeededNoise(5).Normal([1, 7, shape.Count], DType.Float64).Squeeze(0),
        "tall.npy" => new SeededNoise(6).Normal([1, shape.Count + 3, shape.Count], DType.Float64).Squeeze(0),
        "plane.npy" => LowRank(shape.Height * shape.Width),
        "nan.npy" => Tensor.From([double.NaN, 1], 1, 2),
        "number.npy" => Tensor.Ones([], DType.Float64),
        "zero.npy" => Tensor.Zeros([2, 2], DType.Float64),
        "black.png" => Tensor.Zeros([shape.Height, shape.Width], DType.Float64),
        "large.npy" => Tensor.Ones([shape.Height + 1, shape.Width], DType.Float64),
        _ => throw new FileNotFoundException($"no file '{path}'"),
    };

    private static Tensor Checkers(ImageShape shape)
    {
        var mask = new double[shape.Height * shape.Width];
        for (var i = 0; i < mask.Length; i++) mask[i] = i % 3 == 1 ? 0.1 : 0.8;
        return Tensor.From(mask, shape.Height, shape.Width);
    }

    // Rank 2 in 5 rows, so that there are singular values to drop.
    private static Tensor LowRank(long n)
    {
        var noise = new SeededNoise(7);
        return noise.Normal([1, 5, 2], DType.Float64).Squeeze(0).MatMul(noise.Normal([1, 2, n], DType.Float64).Squeeze(0));
    }
}
