using System.Text.Json.Serialization;

namespace Posterior.Training;

/// <summary>The settings of a training.</summary>
public sealed record TrainingSettings
{
    /// <summary>The number of crops to see in all.</summary>
    public required long Images { get; init; }

    /// <summary>Crops in a step.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Height and width of a crop.</summary>
    public int Crop { get; init; } = 64;

    /// <summary>What turns gradients into steps.</summary>
    public OptimiserKind Optimiser { get; init; }

    /// <summary>The highest step size.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Crops over which the step size rises from 0.</summary>
    public long WarmUp { get; init; } = 4000;

    /// <summary>The step size at the end, as a share of the highest; it falls along half a cosine.</summary>
    public double FinalLearningRateShare { get; init; } = 0.01;

    /// <summary>AdamW's decay rate of the second moment; short, as in EDM2, so that a sudden growth of gradients shortens the steps at once.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>AdamW's weight decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The number format of activations, where the network has a choice: f32 or bf16.</summary>
    public string Activations { get; init; } = "bf16";

    /// <summary>The norm to which gradients are clipped.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>The exponent of the weight average; see <see cref="PowerAverage"/>.</summary>
    public double AverageExponent { get; init; } = 16.97;

    /// <summary>The task, a name of <see cref="TrainingTasks"/>.</summary>
    public string Task { get; init; } = "prior";

    /// <summary>The settings of the task as text; those that are missing have their defaults.</summary>
    public IReadOnlyDictionary<string, string> TaskSettings { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The factor by which images are reduced before crops are taken.</summary>
    public int Shrink { get; init; } = 1;

    /// <summary>What tells the images from others: a hash of their names; empty where it does not matter.</summary>
    public string DataHash { get; init; } = "";

    /// <summary>The seed of crops, levels and noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>Crops between snapshots of two averages, of which <see cref="PostHocAverage"/> makes others; 0 for none.</summary>
    public long Snapshots { get; init; }

    /// <summary>How the step size falls.</summary>
    public LearningRateDecay Decay { get; init; }

    /// <summary>The number of crops after which <see cref="LearningRateDecay.InverseSquareRoot"/> begins to fall.</summary>
    public long DecayAfter { get; init; } = 100_000;

    /// <summary>The step size after a number of crops.</summary>
    public double LearningRateAfter(long images)
    {
        var rise = Math.Min(1, (images + Batch) / (double)Math.Max(1, WarmUp));
        var fall = Decay == LearningRateDecay.InverseSquareRoot
            ? 1 / Math.Sqrt(Math.Max(1, images / (double)DecayAfter))
            : FinalLearningRateShare + (1 - FinalLearningRateShare) * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, images / (double)Images)));
        return LearningRate * rise * fall;
    }

    /// <summary>Everything that is wrong with the settings, one sentence each.</summary>
    public IEnumerable<string> Problems()
    {
        if (Images <= 0) yield return $"images: expected a positive number, found {Images}";
        if (Batch <= 0) yield return $"batch: expected a positive number, found {Batch}";
        if (Crop <= 0) yield return $"crop: expected a positive number, found {Crop}";
        if (Snapshots < 0) yield return $"snapshots: expected 0 or more, found {Snapshots}";
        if (DecayAfter <= 0) yield return $"decay-after: expected a positive number, found {DecayAfter}";
        if (!(LearningRate > 0)) yield return $"learning rate: expected a positive number, found {LearningRate}";
        if (!(FinalLearningRateShare is >= 0 and <= 1)) yield return $"final share of the learning rate: expected 0 to 1, found {FinalLearningRateShare}";
        if (!(Beta2 is >= 0 and < 1)) yield return $"beta2: expected 0 to less than 1, found {Beta2}";
        if (!(WeightDecay >= 0)) yield return $"weight decay: expected 0 or more, found {WeightDecay}";
        if (!(ClipNorm > 0)) yield return $"norm to which gradients are clipped: expected a positive number, found {ClipNorm}";
        if (!(AverageExponent > 0)) yield return $"exponent of the average: expected a positive number, found {AverageExponent}";
    }
}

/// <summary>How the step size of a training falls.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LearningRateDecay>))]
public enum LearningRateDecay
{
    /// <summary>Along half a cosine over the whole training.</summary>
    Cosine,

    /// <summary>As one over the square root of the crops seen, from some point on (EDM2, Karras et al. 2024, Sec. 2.3): the training need not know its end.</summary>
    InverseSquareRoot,
}

/// <summary>The optimisers that trainings use.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<OptimiserKind>))]
public enum OptimiserKind
{
    /// <summary><see cref="Torch.Optim.AdamW"/>.</summary>
    AdamW,

    /// <summary><see cref="Torch.Optim.Muon"/> for hidden matrices (<see cref="Torch.Nn.Module.IsHiddenMatrix"/>), AdamW for the rest.</summary>
    Muon,
}
