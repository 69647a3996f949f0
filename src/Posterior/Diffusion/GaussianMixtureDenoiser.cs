using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>The exact denoiser of images from a mixture of normal distributions over the whole image: each component's, weighted by how likely the component is.</summary>
public sealed class GaussianMixtureDenoiser : Denoiser
{
    private readonly double[] _weights;
    private readonly GaussianDenoiser[] _components;

    /// <summary>A mixture.</summary>
    /// <param name="weights">Positive; scaled to sum 1.</param>
    /// <param name="components">As many components, for images of one shape.</param>
    /// <exception cref="ArgumentException">The counts differ or a weight is not positive.</exception>
    public GaussianMixtureDenoiser(IReadOnlyList<double> weights, IReadOnlyList<GaussianDenoiser> components)
    {
        if (weights.Count != components.Count || weights.Count == 0 || weights.Any(weight => !(weight > 0)))
            throw new ArgumentException($"a mixture needs one positive weight for each component; found {weights.Count} weights and {components.Count} components");
        _weights = [.. weights.Select(weight => weight / weights.Sum())];
        _components = [.. components];
    }

    /// <inheritdoc/>
    public override long? Channels => _components[0].Channels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

    /// <summary>The weights, of sum 1.</summary>
    public IReadOnlyList<double> Weights => _weights;

    /// <summary>The components.</summary>
    public IReadOnlyList<GaussianDenoiser> Components => _components;

    /// <summary>Components with independent pixels of equal spread.</summary>
    /// <param name="weights">Positive.</param>
    /// <param name="means"><c>[M, C, H, W]</c>.</param>
    /// <param name="deviations">The standard deviation of each component's pixels.</param>
    public static GaussianMixtureDenoiser Isotropic(IReadOnlyList<double> weights, Tensor means, IReadOnlyList<double> deviations) =>
        new(weights, [.. deviations.Select((deviation, i) => GaussianDenoiser.Isotropic(means.Narrow(0, i, 1), deviation))]);

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var shares = Responsibilities(x, sigma).To(x.DType).To(x.Device);
        var estimate = x.ZerosLike();
        for (var i = 0; i < _components.Length; i++)
            estimate.AddProductInPlace(_components[i].Denoise(x, sigma), shares.Select(0, i).Reshape(-1, 1, 1, 1));
        return scope.Keep(estimate);
    }

    /// <summary>ln of the density of noisy images, <c>[N]</c>, Float64.</summary>
    public Tensor LogDensity(Tensor x, double sigma)
    {
        using var scope = new Scope();
        return scope.Keep(Joint(x, sigma).LogSumExp([0]));
    }

    /// <summary>The probability of each component given a noisy image, <c>[M, N]</c>, Float64.</summary>
    public Tensor Responsibilities(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var joint = Joint(x, sigma);
        return scope.Keep((joint - joint.LogSumExp([0], keepDimensions: true)).Exp());
    }

    /// <summary>Draws images: a component by its weight, then an image of it.</summary>
    /// <param name="count">How many.</param>
    /// <param name="noise">One draw, and one for each component, are taken from it.</param>
    /// <returns><c>[count, C, H, W]</c>, Float64.</returns>
    public Tensor Sample(long count, NoiseSource noise)
    {
        using var scope = new Scope();
        // The normal distribution function makes uniform numbers of normal ones.
        var uniform = ((noise.Normal([count, 1, 1, 1], DType.Float64) * Math.Sqrt(0.5)).Erf() + 1) * 0.5;
        var (images, below) = (_components[0].Sample(count, noise), _weights[0]);
        for (var i = 1; i < _components.Length; i++)
        {
            images = uniform.GreaterOrEqual(below).Where(_components[i].Sample(count, noise), images);
            below += _weights[i];
        }
        return scope.Keep(images);
    }

    /// <summary>The distribution of images given a linear measurement of one; see <see cref="GaussianDenoiser.Condition"/>.</summary>
    /// <returns>The posterior, again a mixture, and ln of the density of <paramref name="y"/>.</returns>
    public (GaussianMixtureDenoiser Posterior, double LogEvidence) Condition(Tensor h, Tensor y, double sigma)
    {
        var parts = _components.Select(component => component.Condition(h, y, sigma)).ToArray();
        var joint = parts.Select((part, i) => Math.Log(_weights[i]) + part.LogEvidence).ToArray();
        var largest = joint.Max();
        var evidence = largest + Math.Log(joint.Sum(value => Math.Exp(value - largest)));
        // A component that the measurement rules out keeps the least positive weight.
        return (new([.. joint.Select(value => Math.Max(Math.Exp(value - evidence), double.Epsilon))], [.. parts.Select(part => part.Posterior)]), evidence);
    }

    private Tensor Joint(Tensor x, double sigma) =>
        Tensor.Stack([.. _components.Select((component, i) => component.LogDensity(x, sigma).AddInPlace(Math.Log(_weights[i])))]);
}
