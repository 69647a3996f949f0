namespace Posterior.Diffusion;

/// <summary>A denoiser that can be told which classes the images belong to.</summary>
public interface IClassConditional
{
    /// <summary>The number of classes.</summary>
    int ClassCount { get; }

    /// <summary>The denoiser of images of given classes; it shares the network with this one.</summary>
    /// <param name="labels">One class for the whole batch, or one for each image; from 0 to <see cref="ClassCount"/> - 1.</param>
    /// <exception cref="ArgumentException">A class does not exist, or there is none.</exception>
    Denoiser WithLabels(long[] labels);
}
