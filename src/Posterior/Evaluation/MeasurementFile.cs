using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>
/// Measurements as files. A file holds <c>y = H x</c> of images in [0, 1]: as an image where the measurement is one, else as a <c>.npy</c> array of the measurement's shape.
/// </summary>
public static class MeasurementFile
{
    /// <summary>The name endings of measurements.</summary>
    public static bool HasExtension(string path) => ImageFile.HasImageExtension(path) || IsArray(path);

    /// <summary>Whether a name ends like an array's.</summary>
    public static bool IsArray(string path) => Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a measurement.</summary>
    /// <param name="path">An image or a <c>.npy</c> array.</param>
    /// <param name="bits">Bits of a sample in the file; 32 for floating point.</param>
    /// <returns>Without a batch dimension: <c>[C, H, W]</c> for an image, else as stored; Float32, for images in [0, 1].</returns>
    /// <exception cref="ImageException">The file is missing or damaged.</exception>
    /// <exception cref="MeasurementException">It holds NaN, infinities or whole numbers.</exception>
    public static Tensor Load(string path, out int bits)
    {
        using var scope = new Scope();
        Tensor y;
        if (IsArray(path))
        {
            var array = NpyFile.Read(path);
            bits = array.DType == DType.UInt8 ? 8 : 32;
            y = array.DType == DType.UInt8 ? array.To(DType.Float32) / 255
                : array.DType.IsFloatingPoint() ? array.To(DType.Float32)
                : throw new MeasurementException($"measurement '{path}' holds {array.DType}; expected floating-point numbers for images in [0, 1], or bytes");
            if (array.DType.IsFloatingPoint() && array.IsFinite().All() && !y.IsFinite().All()) throw new MeasurementException($"measurement '{path}' holds numbers beyond single precision, whose largest is 3.4e38");
            if (y.Rank == 4 && y.Size(0) == 1) y = y.Squeeze(0);
        }
        else
        {
            y = ImageFile.Load(path, out var info).Squeeze(0);
            bits = info.Bits;
        }
        if (FiniteValues.Problem(y) is { } problem) throw new MeasurementException($"measurement '{path}' {problem}");
        return scope.Keep(y);
    }

    /// <summary>Writes a measurement.</summary>
    /// <param name="path">An image file where the measurement is a picture, or <c>.npy</c>.</param>
    /// <param name="y">Without a batch dimension, for images in [0, 1].</param>
    /// <param name="bits">8, 16 or 32; ignored for arrays.</param>
    /// <returns>The share of values that were limited to [0, 1].</returns>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public static double Save(string path, Tensor y, int bits)
    {
        if (IsArray(path))
        {
            NpyFile.Write(path, y);
            return 0;
        }
        using var scope = new Scope();
        ImageFile.Save(path, y, new SaveOptions { Bits = bits });
        if (bits == 32) return 0;
        var half = 0.5 / ((1 << bits) - 1);
        return y.Less(-half).Or(y.Greater(1 + half)).To(DType.Float64).Mean().Item();
    }

    /// <summary>The measurement that the same operator makes of images in [-1, 1]: <c>H(2x - 1) = 2 y - H 1</c>.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="unit">With a batch dimension, for images in [0, 1].</param>
    public static Tensor ToSigned(LinearOperator h, Tensor unit)
    {
        using var scope = new Scope();
        return scope.Keep(unit * ValueRange.SignedPerUnit - OfOnes(h, unit));
    }

    /// <summary>The inverse of <see cref="ToSigned"/>: <c>(y + H 1) / 2</c>.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="signed">With a batch dimension, for images in [-1, 1].</param>
    public static Tensor ToUnit(LinearOperator h, Tensor signed)
    {
        using var scope = new Scope();
        return scope.Keep((signed + OfOnes(h, signed)) / ValueRange.SignedPerUnit);
    }

    private static Tensor OfOnes(LinearOperator h, Tensor like) => h.Apply(Tensor.Ones(h.InputShape.Batch(1), like.DType, like.Device));
}
