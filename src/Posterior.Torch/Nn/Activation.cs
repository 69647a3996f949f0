namespace Posterior.Torch.Nn;

/// <summary>What is applied to each number of a layer's result; the values are the bridge's <c>PT_...</c> codes.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    Identity = 0,

    /// <summary>z sigmoid(z).</summary>
    Silu = 1,

    /// <summary>max(z, 0).</summary>
    Relu = 2,
}
