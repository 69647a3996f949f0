namespace Posterior.Metrics;

/// <summary>The definitions of SSIM in use; on one pair of images they differ by up to 0.1, so a table must say which it prints.</summary>
public enum SsimVariant
{
    /// <summary>Wang et al. 2004: Gaussian window, averaged where the window fits. scikit-image with <c>gaussian_weights</c>, KAIR and older torchmetrics.</summary>
    Gaussian,

    /// <summary>Recent torchmetrics (and the evaluation of Dirac): Gaussian window, reflected borders, variances not below 0, averaged over the whole image.</summary>
    ReflectFull,

    /// <summary>The "pytorch-ssim" package: Gaussian window, zeros around the image, averaged over the whole image.</summary>
    ZeroPad,

    /// <summary>scikit-image's default: a uniform 7 x 7 window with sample covariances, averaged where the window fits.</summary>
    Uniform7,
}
