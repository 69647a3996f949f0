namespace Posterior.Operators;

/// <summary>Denoising: the image itself is measured.</summary>
public sealed record DenoiseSpec : OperatorSpec
{
    /// <summary>The line of the catalogue.</summary>
    public static OperatorEntry Entry { get; } = new("denoise", "denoise", "denoise", "The image itself; with noise, the denoising problem.", _ => new DenoiseSpec());

    /// <inheritdoc/>
    public override string Text => "denoise";

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => new Identity(site.Shape) { DType = site.DType, Device = site.Device };
}
