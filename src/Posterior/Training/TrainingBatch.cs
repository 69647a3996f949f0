using Posterior.Torch;

namespace Posterior.Training;

/// <summary>What one step of a training sees. Every random draw for image i is a function of the seed, of the image's number and of what it is for, so that a stopped training continues exactly.</summary>
/// <param name="Clean">Clean images, <c>[N, C, H, W]</c> in [-1, 1].</param>
/// <param name="Labels">The class of each image; -1 for none.</param>
/// <param name="Seed">The seed of the training.</param>
/// <param name="First">The number of images seen before.</param>
public sealed record TrainingBatch(Tensor Clean, long[] Labels, ulong Seed, long First)
{
    /// <summary>The number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>The random numbers of one image for one use.</summary>
    /// <param name="index">Which image of the batch.</param>
    /// <param name="use">Any constant that no other use of the same training has.</param>
    public RandomStream Stream(int index, ulong use) => new(Seed ^ use, (ulong)(First + index));

    /// <summary>Standard normal draws, one stream an image, for one use.</summary>
    /// <inheritdoc cref="Stream"/>
    public NoiseSource Noise(ulong use) => new SeededNoise([.. Enumerable.Range(0, Count).Select(i => (Seed ^ use) + (ulong)(First + i))]);
}
