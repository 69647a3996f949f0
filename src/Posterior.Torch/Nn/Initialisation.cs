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

    /// <summary>Makes the first outputs of a convolution copies of its first inputs.</summary>
    /// <param name="weight">Kernels of odd size, <c>[outputs, inputs, size, size]</c>.</param>
    /// <param name="channels">The number of inputs that are copied; less where the layer has fewer inputs or outputs.</param>
    /// <param name="copies">How many outputs in turn copy the same input.</param>
    public static void CopyChannels(Tensor weight, long channels, long copies = 1)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var middle = weight.Size(2) / 2;
        for (var output = 0L; output < Math.Min(channels * copies, weight.Size(0)) && output / copies < weight.Size(1); output++)
        {
            var kernels = weight.Select(0, output).Zero();
            kernels.Select(0, output / copies).Select(0, middle).Select(0, middle).Fill(1);
        }
    }
}
