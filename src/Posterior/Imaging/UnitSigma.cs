using System.Globalization;

namespace Posterior.Imaging;

/// <summary>A noise level (standard deviation) for images in [0, 1], as users type it and papers print it: 0.1, or 25/255.</summary>
public readonly record struct UnitSigma
{
    /// <summary>The largest level that is accepted: 100 times the whole range of an image.</summary>
    public const double Max = 100;

    /// <summary>A noise level.</summary>
    /// <param name="value">The standard deviation, 0 to <see cref="Max"/>, in units in which images span [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, not a number, or absurdly large.</exception>
    public UnitSigma(double value)
    {
        if (!(value >= 0 && value <= Max))
            throw new ArgumentOutOfRangeException(nameof(value), string.Create(CultureInfo.InvariantCulture, $"a noise level is the standard deviation for images in [0, 1], from 0 to {Max}, not {value}"));
        Value = value;
    }

    /// <summary>The standard deviation for images in [0, 1].</summary>
    public double Value { get; }

    /// <summary>The standard deviation of the same noise for images in [-1, 1]: what solvers and denoisers take.</summary>
    public double Signed => Value * ValueRange.SignedPerUnit;

    /// <summary>The level of noise that is given for images in [-1, 1].</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, not a number, or absurdly large.</exception>
    public static UnitSigma FromSigned(double signed) => new(signed / ValueRange.SignedPerUnit);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("0.######", CultureInfo.InvariantCulture);
}
