using Posterior.Diffusion;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>What the trainings of models that run a degradation backwards share: random times, residual prediction, the quality of one step.</summary>
/// <param name="network">The network; it becomes the objective's.</param>
/// <param name="crop">Height and width of training crops.</param>
public abstract class ReversalObjective(ReversalNetwork network, int crop) : TrainingObjective(network.Module)
{
    // Streams of one seed must differ between their uses.
    private const ulong TimeStream = 0xD1AC_0001, NoiseStream = 0xD1AC_0002;

    // Enough for two digits of a decibel's mean, few enough to take seconds.
    private const int MostHeldOut = 48, PictureCount = 4;

    /// <inheritdoc/>
    public sealed override string QualityName => "held-out reconstruction in one step from t = 1, dB";

    /// <summary>The network.</summary>
    protected INoiseConditioned Conditioned => network.Conditioned;

    /// <summary>The crops' size.</summary>
    protected int CropSize => crop;

    /// <inheritdoc/>
    public sealed override Tensor Loss(TrainingBatch batch)
    {
        using var scope = new Scope();
        var times = new double[batch.Count];
        for (var i = 0; i < times.Length; i++) times[i] = batch.Stream(i, TimeStream).Uniform();
        var state = State(batch.Clean, times, batch.Noise(NoiseStream)).Detach();
        return scope.Keep(Loss(Predict(state, times), batch.Clean, times));
    }

    /// <summary>The PSNR of the estimate from the full degradation, in dB.</summary>
    public sealed override double Quality(TrainingImages heldOut) => QualityAt(heldOut, 1);

    /// <summary>The PSNR of the estimate from a time, in dB.</summary>
    /// <param name="heldOut">The images.</param>
    /// <param name="time">From 0 to 1.</param>
    public double QualityAt(TrainingImages heldOut, double time)
    {
        var (sum, count) = (0.0, Math.Min(heldOut.Count, MostHeldOut));
        for (var i = 0; i < count; i++)
        {
            using var scope = new Scope();
            var clean = heldOut.Centre(i, crop);
            var state = State(clean, [time], new SeededNoise((ulong)i));
            sum += Psnr.OfSigned((Predict(state, [time]) - clean).Square().Mean().Item());
        }
        return sum / Math.Max(1, count);
    }

    /// <summary>Held-out images in rows: at t = 1, the estimate from it, the estimate from t = 0.5, the original.</summary>
    /// <inheritdoc/>
    public sealed override Tensor? Pictures(TrainingImages heldOut, int size)
    {
        if (heldOut.Count == 0) return null;
        using var scope = new Scope();
        var rows = Enumerable.Range(0, PictureCount).SelectMany(i =>
        {
            var clean = heldOut.Centre(i % heldOut.Count, size);
            var (full, half) = (State(clean, [1], new SeededNoise((ulong)i)), State(clean, [0.5], new SeededNoise((ulong)i)));
            return new[] { full, Predict(full, [1]), Predict(half, [0.5]), clean };
        });
        return scope.Keep(Tensor.Cat([.. rows]));
    }

    /// <summary>What the network sees at times, one for each image.</summary>
    protected abstract Tensor State(Tensor clean, double[] times, NoiseSource noise);

    /// <summary>The network's estimate of the clean images.</summary>
    protected abstract Tensor Predict(Tensor state, double[] times);

    /// <summary>The loss of each image.</summary>
    protected abstract Tensor Loss(Tensor prediction, Tensor clean, double[] times);

    /// <summary>The architecture of a card.</summary>
    protected ModelCard Architecture(ModelCard card) => card with { Network = network.Architecture, Channels = Conditioned.ImageChannels, ClassCount = 0 };
}
