namespace Posterior.Torch;

/// <summary>
/// Standard normal numbers as a pure function of (seed, index): a 64-bit mix of the counter gives a uniform number, the inverse
/// normal distribution function (Wichura, Algorithm AS 241, PPND16, relative accuracy 1e-16) maps it. Only additions,
/// multiplications, divisions and square roots are used, which IEEE 754 defines exactly, so that every machine, with or without
/// vector instructions, gets the same bits.
/// </summary>
internal static partial class NormalStream
{
    /// <summary>The weights of the central interval, highest power first: numerator.</summary>
    private static ReadOnlySpan<double> CentreUp =>
        [2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608];

    private static ReadOnlySpan<double> CentreDown =>
        [5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0];

    private static ReadOnlySpan<double> TailUp =>
        [7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734];

    private static ReadOnlySpan<double> TailDown =>
        [1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0];

    private static ReadOnlySpan<double> FarUp =>
        [2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772];

    private static ReadOnlySpan<double> FarDown =>
        [2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0];

    /// <summary>The series of 2 atanh(s) / 2s in s^2, highest power first.</summary>
    private static ReadOnlySpan<double> Logarithm =>
        [1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0];

    /// <summary>Writes the numbers at <paramref name="start"/>, start + 1, ... of the stream of <paramref name="seed"/>.</summary>
    public static void Fill(ulong seed, ulong start, Span<float> destination)
    {
        var key = Mix(seed + 0x9E3779B97F4A7C15);
        var done = FillVectors(key, start, destination);
        FillScalar(key, start + (ulong)done, destination[done..]);
    }

    /// <summary>What <see cref="Fill"/> writes, number by number.</summary>
    internal static void FillScalar(ulong key, ulong start, Span<float> destination)
    {
        for (var i = 0; i < destination.Length; i++) destination[i] = (float)Quantile(Uniform(key, start + (ulong)i));
    }

    /// <summary>A number in (0, 1), never 0 or 1, symmetric about 1/2.</summary>
    public static double Uniform(ulong key, ulong index) => ((Mix(key ^ Mix(index)) >> 11) + 0.5) * (1.0 / (1L << 53));

    /// <summary>The finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection that spreads every bit.</summary>
    public static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>The inverse of the standard normal distribution function (AS 241).</summary>
    public static double Quantile(double p)
    {
        var q = p - 0.5;
        if (Math.Abs(q) <= 0.425)
        {
            var r = 0.180625 - q * q;
            return q * Horner(CentreUp, r) / Horner(CentreDown, r);
        }
        var tail = Math.Sqrt(-Log(q < 0 ? p : 1 - p));
        var value = tail <= 5 ? Horner(TailUp, tail - 1.6) / Horner(TailDown, tail - 1.6) : Horner(FarUp, tail - 5) / Horner(FarDown, tail - 5);
        return q < 0 ? -value : value;
    }

    private static double Horner(ReadOnlySpan<double> weights, double x)
    {
        var sum = weights[0];
        for (var i = 1; i < weights.Length; i++) sum = sum * x + weights[i];
        return sum;
    }

    // Math.Log may differ in the last bit between platforms. ln x = e ln 2 + 2 atanh((m - 1) / (m + 1)) with m in [sqrt 1/2, sqrt 2).
    private static double Log(double x)
    {
        var bits = BitConverter.DoubleToInt64Bits(x);
        var exponent = (int)((bits >> 52) & 0x7FF) - 1023;
        var m = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (m > 1.4142135623730951) (m, exponent) = (m * 0.5, exponent + 1);
        var s = (m - 1) / (m + 1);
        return exponent * 0.69314718055994530942 + 2 * s * Horner(Logarithm, s * s);
    }
}
