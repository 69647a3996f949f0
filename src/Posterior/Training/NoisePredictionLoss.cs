using Posterior.Torch;

namespace Posterior.Training;

/// <summary>
/// The loss of noise-predicting networks at continuous noise levels (Chen et al. 2021, Palette: Saharia et al. 2022): <c>x_t = sqrt(g) x0 + sqrt(1 - g) eps</c> with
/// g uniform between the levels of two neighbouring timesteps. Levels are the cumulative products of <c>1 - beta</c>.
/// </summary>
/// <param name="betas">The betas of all timesteps.</param>
public sealed class NoisePredictionLoss(IReadOnlyList<double> betas)
{
    private readonly double[] _gammas = Cumulative(betas);

    /// <summary>g of each timestep.</summary>
    public IReadOnlyList<double> Gammas => _gammas;

    /// <summary>A level between those of a timestep and the one before.</summary>
    /// <param name="timestep">From 1 to the last.</param>
    /// <param name="uniform">Where between them, in [0, 1): 0 is the cleaner one.</param>
    public double Gamma(long timestep, double uniform)
    {
        if (timestep < 1 || timestep >= _gammas.Length) throw new ArgumentOutOfRangeException(nameof(timestep), timestep, $"timesteps go from 1 to {_gammas.Length - 1}");
        return _gammas[timestep - 1] + uniform * (_gammas[timestep] - _gammas[timestep - 1]);
    }

    /// <summary>The noisy images.</summary>
    /// <param name="clean"><c>[N, C, H, W]</c>.</param>
    /// <param name="noise">Standard normal, of the same shape.</param>
    /// <param name="gammas">The level of each image.</param>
    public static Tensor Noisy(Tensor clean, Tensor noise, ReadOnlySpan<double> gammas)
    {
        using var scope = new Scope();
        return scope.Keep(clean * PerImage.Of(gammas, Math.Sqrt, clean) + noise * PerImage.Of(gammas, g => Math.Sqrt(1 - g), clean));
    }

    /// <summary>The clean images that predicted noise stands for: <c>(x_t - sqrt(1 - g) eps) / sqrt(g)</c>.</summary>
    /// <param name="noisy"><c>[N, C, H, W]</c>.</param>
    /// <param name="predicted">The network's output, of the same shape.</param>
    /// <param name="gammas">The level of each image.</param>
    public static Tensor Clean(Tensor noisy, Tensor predicted, ReadOnlySpan<double> gammas)
    {
        using var scope = new Scope();
        return scope.Keep((noisy - predicted * PerImage.Of(gammas, g => Math.Sqrt(1 - g), noisy)) / PerImage.Of(gammas, Math.Sqrt, noisy));
    }

    /// <summary>The mean squared error of each image's noise; with a mask, that of the masked noise over all pixels.</summary>
    /// <param name="predicted">The network's output, <c>[N, C, H, W]</c>.</param>
    /// <param name="noise">The noise, of the same shape.</param>
    /// <param name="mask">1 where the image is to be painted, <c>[N, 1, H, W]</c>; null for everywhere.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public static Tensor Evaluate(Tensor predicted, Tensor noise, Tensor? mask = null)
    {
        using var scope = new Scope();
        var error = predicted - noise;
        if (mask is not null) error *= mask;
        return scope.Keep(error.Square().Flatten(1).Mean([1]));
    }

    /// <summary>The mean absolute error of each image's noise.</summary>
    /// <inheritdoc cref="Evaluate"/>
    public static Tensor EvaluateAbsolute(Tensor predicted, Tensor noise)
    {
        using var scope = new Scope();
        return scope.Keep((predicted - noise).Abs().Flatten(1).Mean([1]));
    }

    /// <summary>What a network that paints gets: noise inside the mask only.</summary>
    /// <param name="noisy"><c>[N, C, H, W]</c>.</param>
    /// <param name="clean">Of the same shape.</param>
    /// <param name="mask">1 where the image is to be painted, <c>[N, 1, H, W]</c>.</param>
    public static Tensor Painted(Tensor noisy, Tensor clean, Tensor mask)
    {
        using var scope = new Scope();
        return scope.Keep(mask * noisy + (1 - mask) * clean);
    }

    private static double[] Cumulative(IReadOnlyList<double> betas)
    {
        var (gammas, product) = (new double[betas.Count], 1.0);
        for (var i = 0; i < gammas.Length; i++) gammas[i] = product *= 1 - betas[i];
        return gammas;
    }
}
