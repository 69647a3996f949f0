using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// An image as its <c>s^2</c> polyphase images <c>X_a[i] = x[s i + a]</c> and their Fourier transforms, in which a convolution that keeps every s-th
/// row and column is <c>y(q) = sum_a K_a(q) X_a(q)</c> for each frequency on its own.
/// </summary>
/// <param name="Stride">s.</param>
/// <param name="Rows">Rows of a polyphase image.</param>
/// <param name="Columns">Columns of a polyphase image.</param>
internal readonly record struct Polyphase(long Stride, long Rows, long Columns)
{
    private static readonly Op _forward = new("aten::fft_rfft2"), _backward = new("aten::fft_irfft2");

    /// <summary>The half of the unitary Fourier transform that real images need.</summary>
    public static Tensor Fourier(Tensor x) => _forward.Call(x, Value.None, new long[] { -2, -1 }, "ortho");

    /// <summary>The real images of <see cref="Fourier"/>.</summary>
    public Tensor Inverse(Tensor f) => _backward.Call(f, new[] { Rows, Columns }, new long[] { -2, -1 }, "ortho");

    /// <summary><c>[N, C, H, W]</c> as <c>[N, C, s^2, Rows, Columns]</c>.</summary>
    public Tensor Split(Tensor x) => Stride == 1
        ? x.Unsqueeze(2)
        : x.Reshape(x.Size(0), x.Size(1), Rows, Stride, Columns, Stride).Permute(0, 1, 3, 5, 2, 4).Reshape(x.Size(0), x.Size(1), -1, Rows, Columns);

    /// <summary>The inverse of <see cref="Split"/>.</summary>
    public Tensor Interleave(Tensor x) => Stride == 1
        ? x.Squeeze(2)
        : x.Reshape(x.Size(0), x.Size(1), Stride, Stride, Rows, Columns).Permute(0, 1, 4, 2, 5, 3).Reshape(x.Size(0), x.Size(1), Rows * Stride, Columns * Stride);

    /// <summary>The transforms of <c>G_a[m] = k[s m - a]</c>, so that <c>y = sum_a G_a * X_a</c>.</summary>
    /// <param name="taps">The kernel row by row; its middle is pixel (rows / 2, columns / 2).</param>
    /// <param name="kernelRows">Rows of the kernel.</param>
    /// <param name="kernelColumns">Columns of the kernel.</param>
    /// <returns><c>[1, s^2, Rows, Columns / 2 + 1]</c>, in double precision.</returns>
    public Tensor Frequencies(ReadOnlySpan<double> taps, long kernelRows, long kernelColumns)
    {
        using var scope = new Scope();
        var g = new double[Stride * Stride * Rows * Columns];
        for (var i = 0L; i < kernelRows; i++)
        {
            var (a, m) = Phase(i - kernelRows / 2, Rows);
            for (var j = 0L; j < kernelColumns; j++)
            {
                var (b, n) = Phase(j - kernelColumns / 2, Columns);
                g[((a * Stride + b) * Rows + m) * Columns + n] += taps[(int)(i * kernelColumns + j)];
            }
        }

        return scope.Keep(Tensor.From(g, 1, Stride * Stride, Rows, Columns).RealFft2());
    }

    // d = s m - a with 0 <= a < s, and m taken modulo the number of measured pixels.
    private (long A, long M) Phase(long d, long count)
    {
        var a = ((-d % Stride) + Stride) % Stride;
        var m = (d + a) / Stride;
        return (a, ((m % count) + count) % count);
    }
}
