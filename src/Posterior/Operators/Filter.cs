using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// A filter along one axis, applied as a correlation: <c>y[p] = sum_a taps[a] x[stride p + first + a]</c>. Taps are used as they are, whether they
/// sum to 1 or not.
/// </summary>
/// <param name="Taps">The taps.</param>
/// <param name="First">The offset of the first tap.</param>
public sealed record Filter(IReadOnlyList<double> Taps, int First)
{
    /// <summary>A centred mean over <paramref name="size"/> pixels; an even size reaches one pixel further to the left.</summary>
    /// <exception cref="OperatorException">The size is not positive.</exception>
    public static Filter Uniform(int size) => Centred(Enumerable.Repeat(1.0, Positive(size)));

    /// <summary>A centred Gaussian, sampled at whole pixels and normalised to sum 1.</summary>
    /// <param name="sigma">The standard deviation in pixels, positive.</param>
    /// <param name="size">The number of taps.</param>
    /// <exception cref="OperatorException">Sigma or size is not positive.</exception>
    public static Filter Gaussian(double sigma, int size)
    {
        if (!double.IsFinite(sigma) || sigma <= 0) throw new OperatorException($"a Gaussian filter needs a positive sigma, found {Text.Of(sigma)}");
        return Centred(Enumerable.Range(-(Positive(size) / 2), size).Select(i => Math.Exp(-0.5 * i / sigma * i / sigma)));
    }

    /// <summary>
    /// The cubic convolution kernel (Keys 1981, a = -1/2) stretched by the factor, <c>4 r</c> taps normalised to sum 1: bicubic downsampling with
    /// anti-aliasing, phase-centred on blocks of r pixels.
    /// </summary>
    /// <param name="factor">r, at least 2.</param>
    /// <exception cref="OperatorException">The factor is below 2.</exception>
    public static Filter Bicubic(int factor)
    {
        if (factor < 2) throw new OperatorException($"bicubic downsampling needs a factor of 2 or more, found {factor}");
        var taps = Enumerable.Range(0, 4 * factor).Select(i => Cubic((i - 2 * factor + 0.5) / factor)).ToArray();
        var sum = taps.Sum();
        return new([.. taps.Select(t => t / sum)], factor / 2 - 2 * factor);
    }

    /// <summary>Taps normalised to sum 1 around the middle one.</summary>
    /// <exception cref="OperatorException">The taps are no finite numbers or sum to zero.</exception>
    public static Filter Centred(IEnumerable<double> taps)
    {
        var values = taps.ToArray();
        var sum = values.Sum();
        if (!double.IsFinite(sum) || Math.Abs(sum) <= 1e-12 * values.Sum(Math.Abs))
            throw new OperatorException($"filter taps must be finite and must not sum to zero, found {string.Join(", ", values.Select(Text.Of))}");
        return new([.. values.Select(t => t / sum)], -(values.Length / 2));
    }

    /// <inheritdoc/>
    public bool Equals(Filter? other) => other is not null && First == other.First && Taps.SequenceEqual(other.Taps);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(First, Taps.Count, Taps[0]);

    /// <summary>The filter as a matrix <c>[n / stride, n]</c> in double precision.</summary>
    /// <param name="n">The length of the axis.</param>
    /// <param name="stride">The step between outputs; it divides n.</param>
    /// <param name="boundary">What lies beyond the ends.</param>
    /// <exception cref="OperatorException">There are no taps, or they are not finite.</exception>
    internal Tensor Matrix(long n, long stride, Boundary boundary)
    {
        if (Taps.Count == 0 || !Taps.All(double.IsFinite)) throw new OperatorException("a filter needs one or more finite taps");
        var rows = n / stride;
        var matrix = new double[checked(rows * n)];
        for (var p = 0L; p < rows; p++)
        {
            for (var a = 0; a < Taps.Count; a++)
            {
                if (Fold(stride * p + First + a, n, boundary) is { } column)
                    matrix[p * n + column] += Taps[a];
            }
        }

        return Tensor.From(matrix, rows, n);
    }

    private static long? Fold(long j, long n, Boundary boundary)
    {
        if (j >= 0 && j < n) return j;
        switch (boundary)
        {
            case Boundary.Zero:
                return null;
            case Boundary.Circular:
                return Modulo(j, n);
            case Boundary.Symmetric:
                j = Modulo(j, 2 * n);
                return Math.Min(j, 2 * n - 1 - j);
            case Boundary.Reflect when n == 1:
                return 0;
            case Boundary.Reflect:
                j = Modulo(j, 2 * n - 2);
                return Math.Min(j, 2 * n - 2 - j);
            default:
                throw new OperatorException($"unknown boundary {boundary}");
        }
    }

    private static long Modulo(long j, long n) => ((j % n) + n) % n;

    private static double Cubic(double t)
    {
        const double A = -0.5;
        t = Math.Abs(t);
        return t <= 1 ? ((A + 2) * t - (A + 3)) * t * t + 1 : t < 2 ? ((A * t - 5 * A) * t + 8 * A) * t - 4 * A : 0;
    }

    private static int Positive(int size) => size > 0 ? size : throw new OperatorException($"a filter needs a positive size, found {size}");
}
