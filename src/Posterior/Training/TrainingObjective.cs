using Posterior.Models;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Training;

/// <summary>What a training teaches a network: the loss of a batch, how good the network is on held-out images, pictures of its work, and what its card says of it.</summary>
/// <param name="network">The network; it becomes the objective's, which frees it.</param>
public abstract class TrainingObjective(Module network) : IDisposable
{
    /// <summary>The network in training, whose averaged weights are exported.</summary>
    public Module Network => network;

    /// <summary>Trained tensors beside the network's (the uncertainty of a weighted loss, say): saved with the state, neither averaged nor exported.</summary>
    public virtual IEnumerable<(string Name, Tensor Tensor)> ExtraParameters => [];

    /// <summary>What the held-out quality is, with its unit, as <c>held-out denoising (sigma 25/255), dB</c>.</summary>
    public abstract string QualityName { get; }

    /// <summary>The loss of each image of a batch; its mean over all steps' images is what the training lowers.</summary>
    /// <param name="batch">The images, and every random draw.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public abstract Tensor Loss(TrainingBatch batch);

    /// <summary>The quality on held-out images, higher is better. Called with the averaged weights and without recording for differentiation.</summary>
    /// <param name="heldOut">The images.</param>
    public abstract double Quality(TrainingImages heldOut);

    /// <summary>Pictures of the network's work, <c>[N, C, H, W]</c> in [-1, 1] of one size, laid out in a square by the caller; null for none. Called as <see cref="Quality"/>.</summary>
    /// <param name="heldOut">Held-out images.</param>
    /// <param name="crop">The size of training crops.</param>
    public virtual Tensor? Pictures(TrainingImages heldOut, int crop) => null;

    /// <summary>The card with all that the objective knows: architecture, role, channels, classes, process.</summary>
    /// <param name="card">What is known so far.</param>
    public abstract ModelCard Describe(ModelCard card);

    /// <summary>Frees the network and what else the objective owns.</summary>
    public virtual void Dispose()
    {
        network.Dispose();
        GC.SuppressFinalize(this);
    }
}
