using Posterior.Torch;

namespace Posterior.Training;

/// <summary>
/// What a step of denoising adds to a batch: noise levels, noise, and classes of which some are withheld. Priors and models that take measurements share it, so that for one seed all of them see the same.
/// </summary>
/// <param name="Sigmas">The noise level of each image, for images in [-1, 1].</param>
/// <param name="Noise">Standard normal, of the batch's shape <c>[N, C, H, W]</c>.</param>
/// <param name="Labels">The class of each image, Int64 <c>[N]</c>, the number of classes where it is withheld or unknown; null for a network without classes.</param>
internal sealed record DenoisingDraw(double[] Sigmas, Tensor Noise, Tensor? Labels)
{
    // Streams of one seed must differ between their uses.
    private const ulong LevelStream = 0xA5A5A5A5, NoiseStream = 0x5A5A5A5A;

    /// <summary>Draws for a batch.</summary>
    /// <param name="batch">The images.</param>
    /// <param name="levels">The distribution of noise levels.</param>
    /// <param name="labelDropout">The share of images whose class is withheld, 0 to 1.</param>
    /// <param name="classes">The number of classes of the network; 0 for none.</param>
    public static DenoisingDraw Of(TrainingBatch batch, NoiseLevels levels, double labelDropout, int classes)
    {
        var (sigmas, labels) = (new double[batch.Count], new long[batch.Count]);
        for (var i = 0; i < batch.Count; i++)
        {
            var random = batch.Stream(i, LevelStream);
            sigmas[i] = levels.Sample(ref random);
            labels[i] = random.Uniform() < labelDropout || batch.Labels[i] < 0 ? classes : batch.Labels[i];
        }
        return new(sigmas, batch.Noise(NoiseStream).NormalLike(batch.Clean), classes > 0 ? Tensor.From(labels, batch.Count) : null);
    }
}
