using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>
/// The only place where the two value ranges of images meet: [0, 1] ("unit") at the library's edges (files, command line, metrics)
/// and [-1, 1] ("signed") inside. Noise levels change with them: <see cref="UnitSigma"/>.
/// </summary>
public static class ValueRange
{
    /// <summary>The length of the signed range over the length of the unit range.</summary>
    internal const double SignedPerUnit = 2;

    /// <summary>Images in [0, 1] as images in [-1, 1]; values outside stay outside.</summary>
    public static Tensor ToSigned(Tensor unit)
    {
        using var doubled = unit * SignedPerUnit;
        return doubled - 1;
    }

    /// <summary>Images in [-1, 1] as images in [0, 1]; values outside stay outside.</summary>
    public static Tensor ToUnit(Tensor signed)
    {
        using var shifted = signed + 1;
        return shifted / SignedPerUnit;
    }
}
