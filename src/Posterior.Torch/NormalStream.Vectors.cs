using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Posterior.Torch;

// Eight numbers at a time, by the operations of the scalar code in the same order, without fused multiply-add: the same bits.
internal static partial class NormalStream
{
    private const int Lanes = 8;
    private const int Chunk = 512;

    // 15% of the numbers are in the tails. They are set aside, so that the long way (logarithm, square root) runs on full vectors too.
    [SkipLocalsInit]
    private static int FillVectors(ulong key, ulong start, Span<float> destination)
    {
        if (!Vector512.IsHardwareAccelerated && !Vector256.IsHardwareAccelerated) return 0;
        var whole = destination.Length / Lanes * Lanes;
        Span<double> uniforms = stackalloc double[Chunk], tails = stackalloc double[Chunk + Lanes];
        Span<int> places = stackalloc int[Chunk];
        for (var first = 0; first < whole; first += Chunk)
        {
            var part = destination.Slice(first, Math.Min(Chunk, whole - first));
            var count = 0;
            for (var i = 0; i < part.Length; i += Lanes)
            {
                var index = Vector512.Create(start + (ulong)(first + i)) + Vector512.Create(0UL, 1, 2, 3, 4, 5, 6, 7);
                var mixed = Mix(Vector512.Create(key) ^ Mix(index)) >>> 11;
                var p = (Vector512.ConvertToDouble(mixed) + Vector512.Create(0.5)) * Vector512.Create(1.0 / (1L << 53));
                var q = p - Vector512.Create(0.5);
                Store(Centre(q), part[i..]);
                p.CopyTo(uniforms[i..]);
                for (var outside = (uint)Vector512.GreaterThan(Vector512.Abs(q), Vector512.Create(0.425)).ExtractMostSignificantBits(); outside != 0; outside &= outside - 1)
                {
                    var place = i + System.Numerics.BitOperations.TrailingZeroCount(outside);
                    tails[count] = uniforms[place];
                    places[count++] = place;
                }
            }
            tails.Slice(count, Lanes).Fill(0.01);
            for (var i = 0; i < count; i += Lanes)
            {
                var p = Vector512.Create<double>(tails.Slice(i, Lanes));
                Tail(p, out var far).CopyTo(tails[i..]);
                for (var j = i; j < Math.Min(i + Lanes, count); j++) part[places[j]] = (float)(far ? Quantile(uniforms[places[j]]) : tails[j]);
            }
        }
        return whole;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<double> values, Span<float> destination) =>
        Vector256.Narrow(values.GetLower(), values.GetUpper()).CopyTo(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Mix(Vector512<ulong> z)
    {
        z += Vector512.Create(0x9E3779B97F4A7C15);
        z = (z ^ (z >>> 30)) * Vector512.Create(0xBF58476D1CE4E5B9);
        z = (z ^ (z >>> 27)) * Vector512.Create(0x94D049BB133111EB);
        return z ^ (z >>> 31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Centre(Vector512<double> q)
    {
        var r = Vector512.Create(0.180625) - q * q;
        return q * Horner(CentreUp, r) / Horner(CentreDown, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Tail(Vector512<double> p, out bool far)
    {
        var lower = Vector512.LessThan(p - Vector512.Create(0.5), Vector512<double>.Zero);
        var tail = Vector512.Sqrt(-Log(Vector512.ConditionalSelect(lower, p, Vector512.Create(1.0) - p)));
        far = Vector512.GreaterThanAny(tail, Vector512.Create(5.0));
        var r = tail - Vector512.Create(1.6);
        var value = Horner(TailUp, r) / Horner(TailDown, r);
        return Vector512.ConditionalSelect(lower, -value, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Log(Vector512<double> x)
    {
        var bits = x.AsInt64();
        var exponent = ((bits >>> 52) & Vector512.Create(0x7FFL)) - Vector512.Create(1023L);
        var m = ((bits & Vector512.Create(0xFFFFFFFFFFFFF)) | Vector512.Create(0x3FF0000000000000)).AsDouble();
        var high = Vector512.GreaterThan(m, Vector512.Create(1.4142135623730951));
        m = Vector512.ConditionalSelect(high, m * Vector512.Create(0.5), m);
        exponent -= high.AsInt64();
        var one = Vector512.Create(1.0);
        var s = (m - one) / (m + one);
        return Vector512.ConvertToDouble(exponent) * Vector512.Create(0.69314718055994530942) + Vector512.Create(2.0) * s * Horner(Logarithm, s * s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Horner(ReadOnlySpan<double> weights, Vector512<double> x)
    {
        var sum = Vector512.Create(weights[0]);
        for (var i = 1; i < weights.Length; i++) sum = sum * x + Vector512.Create(weights[i]);
        return sum;
    }
}
