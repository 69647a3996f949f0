namespace Posterior.Torch.Nn;

/// <summary>Starting values of weights.</summary>
public static class Initialisation
{
    /// <summary>Fills a weight with normal numbers of variance gain^2 / fan-in (He et al. 2015) and a bias with zeros.</summary>
    /// <param name="weight">Its first dimension counts the outputs.</param>
    /// <param name="bias">The bias, or null.</param>
    /// <param name="gain">The standard deviation of the outputs for unit inputs; 0 gives zero weights.</param>
    /// <param name="noise">A source for a batch of one.</param>
    public static void Normal(Tensor weight, Tensor? bias, double gain, NoiseSource noise)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var fanIn = weight.Count / weight.Size(0);
        weight.CopyFrom(noise.Normal([1, weight.Count]).Reshape(weight.Shape) * (gain / Math.Sqrt(fanIn)));
        bias?.Zero();
    }
}
