using Posterior.Networks.Adm;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A classifier of noisy images: what pushes a sample towards a class (Dhariwal and Nichol 2021, Sec. 4).</summary>
public interface IClassifier
{
    /// <summary>The number of classes.</summary>
    int ClassCount { get; }

    /// <summary>The gradient of <c>sum_b ln p(labels_b | x_b, sigma)</c> with respect to x.</summary>
    /// <param name="x">Noisy images in the variance-exploding form, <c>[N, C, H, W]</c>.</param>
    /// <param name="sigma">The standard deviation of their noise.</param>
    /// <param name="labels">One class for the whole batch, or one for each image.</param>
    /// <returns>The gradient, of the shape and type of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">A class does not exist, or their number does not fit the batch.</exception>
    Tensor LogProbabilityGradient(Tensor x, double sigma, long[] labels);
}

/// <summary>ADM's classifier of a variance-preserving process as an <see cref="IClassifier"/>. The network stays the caller's.</summary>
/// <param name="network">The classifier.</param>
/// <param name="sigmas"><c>sqrt((1 - abar_t) / abar_t)</c> for t = 0, 1, ..., T - 1: the table of the training schedule.</param>
public sealed class NoisyClassifier(AdmClassifier network, IReadOnlyList<double> sigmas) : IClassifier
{
    private readonly SigmaTable _table = new(sigmas);

    /// <inheritdoc/>
    public int ClassCount => network.Settings.OutChannels;

    /// <inheritdoc/>
    public Tensor LogProbabilityGradient(Tensor x, double sigma, long[] labels)
    {
        // x_vp = x / sqrt(1 + sigma^2), so the chain rule divides once more.
        using var scope = new Scope();
        var root = Math.Sqrt(1 + sigma * sigma);
        return scope.Keep(GradientAtTime(x * (1 / root), _table.Time(sigma), labels) * (1 / root));
    }

    /// <summary>The gradient of <c>sum_b ln p(labels_b | x_t, t)</c> with respect to the variance-preserving state x_t: what guided-diffusion's <c>cond_fn</c> gives at scale 1.</summary>
    /// <param name="xt">States, <c>[N, C, H, W]</c>.</param>
    /// <param name="time">Their timestep.</param>
    /// <param name="labels">One class for the whole batch, or one for each image.</param>
    /// <exception cref="ArgumentException">A class does not exist, or their number does not fit the batch.</exception>
    public Tensor GradientAtTime(Tensor xt, double time, long[] labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        var batch = xt.Size(0);
        if (labels.Length != 1 && labels.Length != batch)
            throw new ArgumentException($"expected one class label or one for each of {batch} images, found {labels.Length}", nameof(labels));
        foreach (var label in labels)
            if (label < 0 || label >= ClassCount) throw new ArgumentException($"class labels go from 0 to {ClassCount - 1}, found {label}", nameof(labels));

        using var withGrad = new WithGrad();
        using var scope = new Scope();
        var input = xt.Detach();
        input.RequiresGrad = true;
        var index = Tensor.From(labels, labels.Length).To(xt.Device).Expand(batch);
        var logProbabilities = network.Forward(input, Tensor.Full([batch], time, device: xt.Device)).LogSoftmax(1);
        var gradient = Tensor.Gradients(logProbabilities.Gather(1, index.Unsqueeze(1)).Sum(), null, [input])[0]
            ?? throw new InvalidOperationException("the classifier does not depend on its input");
        return scope.Keep(gradient);
    }
}
