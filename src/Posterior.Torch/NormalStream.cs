namespace Posterior.Torch;

/// <summary>
/// Standard normal numbers as a pure function of (seed, index): a 64-bit mix of the counter gives a uniform number, the inverse
/// normal distribution function (Wichura, Algorithm AS 241, PPND16, relative accuracy 1e-16) maps it. Only additions,
/// multiplications, divisions and square roots are used, which IEEE 754 defines exactly.
/// </summary>
internal static class NormalStream
{
    /// <summary>Writes the numbers at <paramref name="start"/>, start + 1, ... of the stream of <paramref name="seed"/>.</summary>
    public static void Fill(ulong seed, ulong start, Span<float> destination)
    {
        var key = Mix(seed + 0x9E3779B97F4A7C15);
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
            return q * (((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r + 45921.953931549871457) * r
                + 13731.693765509461125) * r + 1971.5909503065514427) * r + 133.14166789178437745) * r + 3.387132872796366608)
                / (((((((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r + 21213.794301586595867) * r
                + 5394.1960214247511077) * r + 687.1870074920579083) * r + 42.313330701600911252) * r + 1.0);
        }
        var tail = Math.Sqrt(-Log(q < 0 ? p : 1 - p));
        double value;
        if (tail <= 5)
        {
            var r = tail - 1.6;
            value = (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r + 1.27045825245236838258) * r
                + 3.64784832476320460504) * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r + 1.42343711074968357734)
                / (((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r
                + 0.68976733498510000455) * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0);
        }
        else
        {
            var r = tail - 5;
            value = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r + 0.026532189526576123093) * r
                + 0.29656057182850489123) * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r + 6.6579046435011037772)
                / (((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r
                + 0.0148753612908506148525) * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0);
        }
        return q < 0 ? -value : value;
    }

    // Math.Log may differ in the last bit between platforms. ln x = e ln 2 + 2 atanh((m - 1) / (m + 1)) with m in [sqrt 1/2, sqrt 2).
    private static double Log(double x)
    {
        var bits = BitConverter.DoubleToInt64Bits(x);
        var exponent = (int)((bits >> 52) & 0x7FF) - 1023;
        var m = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (m > 1.4142135623730951) (m, exponent) = (m * 0.5, exponent + 1);
        var s = (m - 1) / (m + 1);
        var t = s * s;
        var series = 1 + t * (1.0 / 3 + t * (1.0 / 5 + t * (1.0 / 7 + t * (1.0 / 9 + t * (1.0 / 11 + t * (1.0 / 13 + t * (1.0 / 15 + t * (1.0 / 17 + t * (1.0 / 19)))))))));
        return exponent * 0.69314718055994530942 + 2 * s * series;
    }
}
