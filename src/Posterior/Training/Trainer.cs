using System.Diagnostics;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Optim;

namespace Posterior.Training;

/// <summary>
/// Trains a network towards an objective. All random streams are functions of the settings' seed and the number of crops seen, so that a training that was stopped
/// continues exactly as if it had not been.
/// </summary>
public sealed class Trainer : IDisposable
{
    // A relative width of 0.10, as EDM2 keeps beside 0.05.
    private const double WideExponent = 6.94;

    private readonly TrainingImages _images;

    /// <summary>Prepares a training from the network's present weights.</summary>
    /// <param name="objective">What is taught, with its network; it stays the caller's.</param>
    /// <param name="images">The images.</param>
    /// <param name="settings">The settings.</param>
    /// <exception cref="ArgumentException">Settings are out of range, or images are smaller than a crop.</exception>
    public Trainer(TrainingObjective objective, TrainingImages images, TrainingSettings settings)
    {
        var problems = settings.Problems().ToList();
        if (images.Count == 0) problems.Add("there are no images to train on");
        else if (images.SmallestSide < settings.Crop) problems.Add($"crop: expected at most {images.SmallestSide}, the smallest side of an image, found {settings.Crop}");
        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems));
        (Objective, _images, Settings) = (objective, images, settings);
        Network.RequireGrad(true);
        foreach (var (_, tensor) in objective.ExtraParameters) tensor.RequiresGrad = true;
        Optimiser = settings.Optimiser switch
        {
            OptimiserKind.Muon => new Muon(Trained, settings.Beta2, settings.WeightDecay, Network.IsHiddenMatrix),
            _ => new AdamW(Trained) { Beta2 = settings.Beta2, WeightDecay = settings.WeightDecay },
        };
        Average = new PowerAverage(Network, settings.AverageExponent);
        if (settings.Snapshots > 0) WideAverage = new PowerAverage(Network, WideExponent);
    }

    /// <summary>What is taught.</summary>
    public TrainingObjective Objective { get; }

    /// <summary>The network in training.</summary>
    public Module Network => Objective.Network;

    /// <summary>Everything that the optimiser changes.</summary>
    internal IEnumerable<(string Name, Tensor Tensor)> Trained => Network.NamedParameters.Concat(Objective.ExtraParameters.Select(extra => ("extra." + extra.Name, extra.Tensor)));

    /// <summary>The settings.</summary>
    public TrainingSettings Settings { get; }

    /// <summary>The optimiser.</summary>
    public Optimiser Optimiser { get; }

    /// <summary>The average of the weights, which is what is shipped.</summary>
    public PowerAverage Average { get; }

    /// <summary>A second, wider average for <see cref="PostHocAverage"/>; null where no snapshots are taken.</summary>
    public PowerAverage? WideAverage { get; }

    /// <summary>Ends the training where its loss runs away.</summary>
    internal LossWatch Watch { get; } = new();

    /// <summary>The number of crops seen.</summary>
    public long ImagesSeen { get; internal set; }

    /// <summary>Trains until all crops were seen or the work is cancelled.</summary>
    /// <param name="progress">Told of each step.</param>
    /// <param name="cancellation">Stops after the step in hand; nothing is lost.</param>
    /// <exception cref="InvalidOperationException">The loss is no longer a number, or stays far above where it began.</exception>
    public void Run(IProgress<TrainingStep>? progress = null, CancellationToken cancellation = default)
    {
        while (ImagesSeen < Settings.Images && !cancellation.IsCancellationRequested)
        {
            var started = Stopwatch.GetTimestamp();
            var (loss, gradientNorm) = Step();
            progress?.Report(new TrainingStep(ImagesSeen, loss, gradientNorm, Stopwatch.GetElapsedTime(started)));
        }
    }

    /// <summary>An action with the averaged weights in the network.</summary>
    public T WithAverage<T>(Func<T> action)
    {
        Average.Swap();
        try
        {
            using var noGrad = new NoGrad();
            return action();
        }
        finally
        {
            Average.Swap();
        }
    }

    /// <summary>Frees the moments and averages.</summary>
    public void Dispose()
    {
        Optimiser.Dispose();
        Average.Dispose();
        WideAverage?.Dispose();
    }

    private (double Loss, double GradientNorm) Step()
    {
        using var scope = new Scope();
        ThreadShare.Pass();
        var (clean, labels) = _images.Crops(Settings.Seed, ImagesSeen, Settings.Batch, Settings.Crop);
        var loss = Objective.Loss(new TrainingBatch(clean, labels, Settings.Seed, ImagesSeen)).Mean();
        loss.Backward();
        var value = loss.Item();
        var norm = Optimiser.GradientNorm();
        if (!double.IsFinite(value) || !double.IsFinite(norm))
            throw new InvalidOperationException($"the loss is {value} and its gradient's norm {norm} after {ImagesSeen} images; a lower learning rate may help");
        if (Watch.HasRunAway(value))
            throw new InvalidOperationException(FormattableString.Invariant($"the loss began near {Watch.Beginning:G3} and is {value:G3} after {ImagesSeen} images; a lower learning rate may help"));
        Optimiser.LearningRate = Settings.LearningRateAfter(ImagesSeen);
        Optimiser.Step(norm > Settings.ClipNorm ? Settings.ClipNorm / norm : 1);
        Average.Update(Optimiser.Steps);
        WideAverage?.Update(Optimiser.Steps);
        ImagesSeen += Settings.Batch;
        return (value, norm);
    }
}

/// <summary>A report of one training step.</summary>
/// <param name="ImagesSeen">Crops seen so far.</param>
/// <param name="Loss">The step's mean loss.</param>
/// <param name="GradientNorm">The norm of the gradient before clipping.</param>
/// <param name="Elapsed">The time of the step.</param>
public readonly record struct TrainingStep(long ImagesSeen, double Loss, double GradientNorm, TimeSpan Elapsed);
