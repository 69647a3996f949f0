using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Networks.Adm;

/// <summary>
/// ADM's classifier of noisy images, asked for given classes: the gradient that classifier guidance adds (Dhariwal and Nichol 2021, Sec. 4).
/// The network stays the caller's.
/// </summary>
public sealed class NoisyClassifier : IClassifierGuide
{
    private readonly AdmClassifier _network;
    private readonly SigmaTable _table;
    private readonly long[] _labels;

    /// <summary>Binds a classifier to classes.</summary>
    /// <param name="network">The classifier.</param>
    /// <param name="sigmas"><c>sqrt((1 - abar_t) / abar_t)</c> for t = 0, 1, ..., T - 1: the table of the training schedule.</param>
    /// <param name="labels">One class for all images of a batch, or one for each.</param>
    /// <exception cref="ArgumentException">The table does not ascend, or a class does not exist.</exception>
    public NoisyClassifier(AdmClassifier network, IReadOnlyList<double> sigmas, params long[] labels)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(labels);
        if (labels.Length == 0) throw new ArgumentException("expected a class label, found none", nameof(labels));
        foreach (var label in labels)
            if (label < 0 || label >= network.Settings.OutChannels)
                throw new ArgumentException($"class labels go from 0 to {network.Settings.OutChannels - 1}, found {label}", nameof(labels));
        (_network, _table, _labels) = (network, new SigmaTable(sigmas), labels);
    }

    /// <summary>The gradient of <c>sum_b ln p(label_b | x_b, t)</c> with respect to x: what guided-diffusion's <c>cond_fn</c> gives at scale 1.</summary>
    /// <param name="x">Noisy images in variance-preserving form, <c>[N, C, H, W]</c>.</param>
    /// <param name="sigma">Their noise level in variance-exploding form, so <c>abar = 1 / (1 + sigma^2)</c>.</param>
    /// <returns>Of the shape and type of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">The number of labels does not fit the batch.</exception>
    public Tensor Gradient(Tensor x, double sigma)
    {
        var batch = x.Size(0);
        if (_labels.Length != 1 && _labels.Length != batch)
            throw new ArgumentException($"expected one class label or one for each of {batch} images, found {_labels.Length}");
        using var withGrad = new WithGrad();
        using var scope = new Scope();
        var input = x.Detach();
        input.RequiresGrad = true;
        var labels = Tensor.From(_labels, _labels.Length).To(x.Device).Expand(batch);
        var logProbabilities = _network.Forward(input, Tensor.Full([batch], _table.Time(sigma), device: x.Device)).LogSoftmax(1);
        var gradient = Tensor.Gradients(logProbabilities.Gather(1, labels.Unsqueeze(1)).Sum(), null, [input])[0]
            ?? throw new InvalidOperationException("the classifier does not depend on its input");
        return scope.Keep(gradient);
    }
}
