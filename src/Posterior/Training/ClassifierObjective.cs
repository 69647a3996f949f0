using Posterior.Models;
using Posterior.Networks.Features;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a classifier of images: cross entropy with smoothed labels, on images that are moved by a few pixels.</summary>
/// <param name="network">The network; it becomes the objective's.</param>
public sealed class ClassifierObjective(ResidualClassifier network) : TrainingObjective(network)
{
    private const ulong ShiftStream = 0x51F7C0DE;
    private const int QualityBatch = 64;

    /// <summary>The share of a label's weight that all classes share equally (Szegedy et al. 2016, Sec. 7).</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>By how many pixels an image is moved at most, in each direction; what comes in at an edge is its mirror image.</summary>
    public int Shift { get; init; } = 4;

    /// <inheritdoc/>
    public override string QualityName => "held-out accuracy, %";

    /// <inheritdoc/>
    public override Tensor Loss(TrainingBatch batch)
    {
        if (batch.Labels.Any(label => label < 0)) throw new TrainingException("a classifier learns from images that have labels");
        using var scope = new Scope();
        var logProbabilities = network.Forward(Moved(batch)).LogSoftmax(1);
        var labels = Tensor.From(batch.Labels, batch.Count, 1);
        var own = logProbabilities.Gather(1, labels).Squeeze(1);
        return scope.Keep(own * (LabelSmoothing - 1) - logProbabilities.Mean([1]) * LabelSmoothing);
    }

    /// <summary>The share of images whose most probable class is their own, in percent.</summary>
    public override double Quality(TrainingImages heldOut)
    {
        var right = 0;
        for (var from = 0; from < heldOut.Count; from += QualityBatch)
        {
            using var scope = new Scope();
            var indices = Enumerable.Range(from, Math.Min(QualityBatch, heldOut.Count - from)).ToArray();
            var side = heldOut.SmallestSide / network.SizeMultiple * network.SizeMultiple;
            var found = network.Forward(Tensor.Cat([.. indices.Select(i => heldOut.Centre(i, side))], 0)).Argmax(1).ToArray<long>();
            right += indices.Zip(found).Count(pair => heldOut.Label(pair.First) == pair.Second);
        }
        return 100.0 * right / Math.Max(1, heldOut.Count);
    }

    /// <inheritdoc/>
    public override ModelCard Describe(ModelCard card) => card with
    {
        Network = NetworkCatalogue.ImageClassifier,
        Role = PredictorCatalogue.Features,
        Channels = network.Settings.ImageChannels,
        ClassCount = network.Settings.Classes,
    };

    private Tensor Moved(TrainingBatch batch)
    {
        if (Shift == 0) return batch.Clean;
        using var scope = new Scope();
        var (height, width) = (batch.Clean.Size(2), batch.Clean.Size(3));
        var padded = batch.Clean.Pad([Shift, Shift, Shift, Shift], "reflect");
        return scope.Keep(Tensor.Cat([.. Enumerable.Range(0, batch.Count).Select(i =>
        {
            var random = batch.Stream(i, ShiftStream);
            return padded.Narrow(0, i, 1).Narrow(2, random.Below(2 * Shift + 1), height).Narrow(3, random.Below(2 * Shift + 1), width);
        })], 0));
    }
}
