namespace Posterior.Metrics;

/// <summary>The chi-square distribution: how unusual a sum of squared deviations is.</summary>
public static class ChiSquare
{
    private const int MostTerms = 10000;
    private const double Precision = 1e-15, Tiny = 1e-300;

    /// <summary>The probability of a value above <paramref name="value"/>: the regularised upper incomplete gamma function <c>Q(k/2, x/2)</c> (Abramowitz, Stegun 1964, 26.4.19).</summary>
    /// <param name="value">x, 0 or more.</param>
    /// <param name="degreesOfFreedom">k, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public static double UpperTail(double value, double degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degreesOfFreedom);
        if (!(value >= 0)) throw new ArgumentOutOfRangeException(nameof(value), value, "a sum of squares is 0 or more");
        if (value == 0) return 1;
        var (a, x) = (degreesOfFreedom / 2, value / 2);
        var factor = Math.Exp(a * Math.Log(x) - x - LogGamma(a));
        return x < a + 1 ? 1 - factor * Series(a, x) : factor * Fraction(a, x);
    }

    // 6.5.29: gamma(a, x) = x^a e^-x sum x^n / (a (a+1) ... (a+n)).
    private static double Series(double a, double x)
    {
        var (term, sum) = (1 / a, 1 / a);
        for (var n = 1; n < MostTerms && term > sum * Precision; n++)
        {
            term *= x / (a + n);
            sum += term;
        }
        return sum;
    }

    // 6.5.31 in its even form, 1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- ...))), from the front (Lentz 1976).
    private static double Fraction(double a, double x)
    {
        var b = x + 1 - a;
        var (c, d) = (1 / Tiny, 1 / b);
        var value = d;
        for (var n = 1; n < MostTerms; n++)
        {
            var above = -n * (n - a);
            b += 2;
            d = 1 / OffZero(above * d + b);
            c = OffZero(b + above / c);
            value *= c * d;
            if (Math.Abs(c * d - 1) < Precision) break;
        }
        return value;

        static double OffZero(double number) => Math.Abs(number) < Tiny ? Tiny : number;
    }

    // Stirling's series (6.1.41) above 10, reached by Gamma(a + 1) = a Gamma(a).
    private static double LogGamma(double a)
    {
        var shift = 0.0;
        for (; a < 10; a++) shift += Math.Log(a);
        var square = 1 / (a * a);
        return (a - 0.5) * Math.Log(a) - a + 0.5 * Math.Log(2 * Math.PI) + (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680))) / a - shift;
    }
}
