namespace Posterior.Diffusion;

/// <summary>
/// The scalings of EDM (Karras et al. 2022, Table 1): <c>D(x; sigma) = CSkip x + COut F(CIn x; CNoise)</c> with inputs and training
/// targets of <c>F</c> of unit variance.
/// </summary>
/// <param name="SigmaData">The standard deviation of the data, 0.5 for images in [-1, 1].</param>
public sealed record EdmPreconditioning(double SigmaData = 0.5)
{
    /// <summary>The weight of the noisy image.</summary>
    public double CSkip(double sigma) => SigmaData * SigmaData / (sigma * sigma + SigmaData * SigmaData);

    /// <summary>The weight of the network's output.</summary>
    public double COut(double sigma) => sigma * SigmaData / Math.Sqrt(sigma * sigma + SigmaData * SigmaData);

    /// <summary>The scale of the network's input.</summary>
    public double CIn(double sigma) => 1 / Math.Sqrt(sigma * sigma + SigmaData * SigmaData);

    /// <summary>What tells the network the noise level.</summary>
    public double CNoise(double sigma) => Math.Log(sigma) / 4;

    /// <summary>The weight of the squared error of <c>D</c> that makes it the squared error of <c>F</c>: 1 / COut^2.</summary>
    public double LossWeight(double sigma) => 1 / (COut(sigma) * COut(sigma));
}
