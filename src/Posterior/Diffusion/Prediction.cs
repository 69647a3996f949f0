namespace Posterior.Diffusion;

/// <summary>What a network of a variance-preserving process was trained to give.</summary>
public enum Prediction
{
    /// <summary>The noise (Ho et al. 2020).</summary>
    Epsilon,

    /// <summary>The clean image.</summary>
    Sample,

    /// <summary><c>sqrt(abar) n - sqrt(1 - abar) x0</c> (Salimans and Ho 2022, Sec. 4).</summary>
    Velocity,
}
