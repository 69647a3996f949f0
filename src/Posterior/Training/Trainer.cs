using System.Diagnostics;
using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Optim;

namespace Posterior.Training;

/// <summary>
/// Trains a denoising network with the EDM loss. All random streams are functions of the settings' seed and the number of crops
/// seen, so that a training that was stopped continues exactly as if it had not been.
/// </summary>
/// <typeparam name="TNetwork">The network.</typeparam>
public sealed class Trainer<TNetwork> : IDisposable
    where TNetwork : Module, INoiseConditioned
{
    // Streams of one seed must differ between their uses.
    private const ulong LevelStream = 0xA5A5A5A5, NoiseStream = 0x5A5A5A5A;

    private readonly TrainingImages _images;
    private readonly EdmLoss _loss;

    /// <summary>Prepares a training from the network's present weights.</summary>
    /// <param name="network">The network; it stays the caller's.</param>
    /// <param name="images">The images.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="scalings">EDM's scalings.</param>
    /// <exception cref="ArgumentException">Settings are out of range, or images are smaller than a crop.</exception>
    public Trainer(TNetwork network, TrainingImages images, TrainingSettings settings, EdmPreconditioning scalings)
    {
        var problems = settings.Problems().ToList();
        if (images.Count == 0) problems.Add("there are no images to train on");
        else if (images.SmallestSide < settings.Crop) problems.Add($"crop: expected at most {images.SmallestSide}, the smallest side of an image, found {settings.Crop}");
        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems));
        (Network, _images, Settings, Scalings) = (network, images, settings, scalings);
        _loss = new EdmLoss(scalings);
        network.RequireGrad(true);
        Optimiser = settings.Optimiser switch
        {
            OptimiserKind.Muon => new Muon(network.NamedParameters, settings.Beta2, settings.WeightDecay),
            _ => new AdamW(network.NamedParameters) { Beta2 = settings.Beta2, WeightDecay = settings.WeightDecay },
        };
        Average = new PowerAverage(network, settings.AverageExponent);
    }

    /// <summary>The network in training.</summary>
    public TNetwork Network { get; }

    /// <summary>The settings.</summary>
    public TrainingSettings Settings { get; }

    /// <summary>EDM's scalings.</summary>
    public EdmPreconditioning Scalings { get; }

    /// <summary>The optimiser.</summary>
    public Optimiser Optimiser { get; }

    /// <summary>The average of the weights, which is what is shipped.</summary>
    public PowerAverage Average { get; }

    /// <summary>The number of crops seen.</summary>
    public long ImagesSeen { get; internal set; }

    /// <summary>Trains until all crops were seen or the work is cancelled.</summary>
    /// <param name="progress">Told of each step.</param>
    /// <param name="cancellation">Stops after the step in hand; nothing is lost.</param>
    /// <exception cref="InvalidOperationException">The loss is no longer a number.</exception>
    public void Run(IProgress<TrainingStep>? progress = null, CancellationToken cancellation = default)
    {
        while (ImagesSeen < Settings.Images && !cancellation.IsCancellationRequested)
        {
            var started = Stopwatch.GetTimestamp();
            var (loss, gradientNorm) = Step();
            progress?.Report(new TrainingStep(ImagesSeen, loss, gradientNorm, Stopwatch.GetElapsedTime(started)));
        }
    }

    /// <summary>The averaged network as a denoiser, for the time of an action.</summary>
    public T WithAverage<T>(Func<Denoiser, T> action)
    {
        Average.Swap();
        try
        {
            using var noGrad = new NoGrad();
            return action(new EdmDenoiser(Network, Scalings, (Settings.Noise.Min, Settings.Noise.Max)));
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
    }

    private (double Loss, double GradientNorm) Step()
    {
        using var scope = new Scope();
        var batch = Settings.Batch;
        var (clean, classes) = _images.Crops(Settings.Seed, ImagesSeen, batch, Settings.Crop);
        var sigmas = new double[batch];
        var seeds = new ulong[batch];
        for (var i = 0; i < batch; i++)
        {
            var random = new RandomStream(Settings.Seed ^ LevelStream, (ulong)(ImagesSeen + i));
            sigmas[i] = Settings.Noise.Sample(ref random);
            if (random.Uniform() < Settings.LabelDropout || classes[i] < 0) classes[i] = Network.Classes;
            seeds[i] = (Settings.Seed ^ NoiseStream) + (ulong)(ImagesSeen + i);
        }
        var noise = new SeededNoise(seeds).NormalLike(clean);
        var labels = Network.Classes > 0 ? Tensor.From(classes, batch) : null;
        var loss = _loss.Evaluate(Network, clean, sigmas, noise, labels).Mean();
        loss.Backward();
        var value = loss.Item();
        var norm = Optimiser.GradientNorm();
        if (!double.IsFinite(value) || !double.IsFinite(norm))
            throw new InvalidOperationException($"the loss is {value} and its gradient's norm {norm} after {ImagesSeen} images; a lower learning rate may help");
        Optimiser.LearningRate = Settings.LearningRateAfter(ImagesSeen);
        Optimiser.Step(norm > Settings.ClipNorm ? Settings.ClipNorm / norm : 1);
        Average.Update(Optimiser.Steps);
        ImagesSeen += batch;
        return (value, norm);
    }
}

/// <summary>A report of one training step.</summary>
/// <param name="ImagesSeen">Crops seen so far.</param>
/// <param name="Loss">The step's mean loss.</param>
/// <param name="GradientNorm">The norm of the gradient before clipping.</param>
/// <param name="Elapsed">The time of the step.</param>
public readonly record struct TrainingStep(long ImagesSeen, double Loss, double GradientNorm, TimeSpan Elapsed);
