using Posterior.Torch;

namespace Posterior.Training;

/// <summary>
/// The losses of EDM's code (Karras et al. 2022, Table 1): noise levels are drawn from a distribution, and the squared error of the denoiser is weighted by level.
/// Sums over pixels and means over images of <see cref="Evaluate"/> are what is lowered.
/// </summary>
public abstract record DenoisingLoss
{
    /// <summary>The noise levels that draws stand for.</summary>
    /// <param name="draws">Standard normal for <see cref="EdmDenoisingLoss"/>, uniform in [0, 1] for the others; any shape.</param>
    public abstract Tensor Sigmas(Tensor draws);

    /// <summary>The weight of the squared error at noise levels.</summary>
    public abstract Tensor Weights(Tensor sigmas);

    /// <summary>The weighted squared error, not summed; with a learned uncertainty u, <c>weight / e^u |D - x0|^2 + u</c> (EDM2, Karras et al. 2024, Eq. 21).</summary>
    /// <param name="denoised">The denoiser's output, <c>[N, C, H, W]</c>.</param>
    /// <param name="clean">The clean images, of the same shape.</param>
    /// <param name="sigmas">The noise level of each image, <c>[N, 1, 1, 1]</c>.</param>
    /// <param name="logVariance">The learned uncertainty u of each image, <c>[N, 1, 1, 1]</c>; null for none.</param>
    /// <returns><c>[N, C, H, W]</c>, with its autograd history.</returns>
    public Tensor Evaluate(Tensor denoised, Tensor clean, Tensor sigmas, Tensor? logVariance = null)
    {
        using var scope = new Scope();
        var squared = (denoised - clean).Square();
        var weights = Weights(sigmas);
        return scope.Keep(logVariance is null ? squared * weights : squared * (weights / logVariance.Exp()) + logVariance);
    }
}

/// <summary>EDM's own: log-normal levels, each with an error of the same size in the network's output.</summary>
/// <param name="LogMean">The mean of ln(sigma).</param>
/// <param name="LogDeviation">The standard deviation of ln(sigma).</param>
/// <param name="SigmaData">The standard deviation of the images.</param>
public sealed record EdmDenoisingLoss(double LogMean = -1.2, double LogDeviation = 1.2, double SigmaData = 0.5) : DenoisingLoss
{
    /// <inheritdoc/>
    public override Tensor Sigmas(Tensor draws)
    {
        using var scope = new Scope();
        return scope.Keep((draws * LogDeviation + LogMean).Exp());
    }

    /// <inheritdoc/>
    public override Tensor Weights(Tensor sigmas)
    {
        using var scope = new Scope();
        return scope.Keep((sigmas.Square() + SigmaData * SigmaData) / (sigmas * SigmaData).Square());
    }
}

/// <summary>The variance-preserving process of Song et al. (2021): uniform times, weight <c>1 / sigma^2</c>.</summary>
/// <param name="BetaD">The growth of beta over time.</param>
/// <param name="BetaMin">The first beta.</param>
/// <param name="FirstTime">The least time.</param>
public sealed record VpDenoisingLoss(double BetaD = 19.9, double BetaMin = 0.1, double FirstTime = 1e-5) : DenoisingLoss
{
    /// <inheritdoc/>
    public override Tensor Sigmas(Tensor draws)
    {
        using var scope = new Scope();
        var time = draws * (FirstTime - 1) + 1;
        return scope.Keep((time.Square() * (BetaD / 2) + time * BetaMin).Expm1().Sqrt());
    }

    /// <inheritdoc/>
    public override Tensor Weights(Tensor sigmas)
    {
        using var scope = new Scope();
        return scope.Keep(sigmas.Square().Reciprocal());
    }
}

/// <summary>The variance-exploding process of Song et al. (2021): log-uniform levels, weight <c>1 / sigma^2</c>.</summary>
/// <param name="SigmaMin">The lowest level.</param>
/// <param name="SigmaMax">The highest level.</param>
public sealed record VeDenoisingLoss(double SigmaMin = 0.02, double SigmaMax = 100) : DenoisingLoss
{
    /// <inheritdoc/>
    public override Tensor Sigmas(Tensor draws)
    {
        using var scope = new Scope();
        return scope.Keep((draws * Math.Log(SigmaMax / SigmaMin)).Exp() * SigmaMin);
    }

    /// <inheritdoc/>
    public override Tensor Weights(Tensor sigmas)
    {
        using var scope = new Scope();
        return scope.Keep(sigmas.Square().Reciprocal());
    }
}
