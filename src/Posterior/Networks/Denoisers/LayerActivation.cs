namespace Posterior.Networks.Denoisers;

/// <summary>
/// What follows a convolution in the networks of KAIR, as its letters say: <c>B</c> batch normalisation or <c>I</c> instance normalisation, then <c>R</c> ReLU or <c>L</c>
/// leaky ReLU of slope 0.2; the small letters mean the same.
/// </summary>
internal readonly record struct LayerActivation(bool BatchNorm, bool InstanceNorm, double Slope)
{
    // KAIR's basicblock.py: epsilon 1e-4 for batch normalisation, PyTorch's 1e-5 for instance normalisation.
    public const double BatchEpsilon = 1e-4, InstanceEpsilon = 1e-5;

    private const double LeakySlope = 0.2;

    /// <exception cref="ArgumentException">The letters mean nothing.</exception>
    public static LayerActivation Parse(string mode)
    {
        var (norm, rectifier) = mode.Length == 2 ? (mode[0], mode[1]) : mode.Length == 1 ? (' ', mode[0]) : ('?', '?');
        if (norm is not (' ' or 'B' or 'I') || rectifier is not ('R' or 'r' or 'L' or 'l'))
            throw new ArgumentException($"act_mode is '{mode}', expected R, L, BR, BL, IR or IL", nameof(mode));
        return new(norm == 'B', norm == 'I', rectifier is 'L' or 'l' ? LeakySlope : 0);
    }
}
