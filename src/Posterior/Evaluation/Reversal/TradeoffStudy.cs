using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Reversal;

/// <summary>
/// Distortion and perception along the reverse process of a model (Fabian et al. 2024, Sec. 3.7 and Fig. 3), on images that it was not trained on: one trajectory of each image
/// gives both ends, and the times at which to stop.
/// </summary>
public sealed class TradeoffStudy
{
    private readonly ReversalStudySettings _settings;

    /// <summary>Checks the settings; no long work.</summary>
    /// <exception cref="ModelException">There is no such model.</exception>
    /// <exception cref="MeasurementException">A number is out of range.</exception>
    public TradeoffStudy(ReversalStudySettings settings)
    {
        settings.Validate();
        PriorFiles.Find(settings.Model);
        _settings = settings;
    }

    /// <summary>Runs the whole process for each image.</summary>
    /// <param name="progress">Told the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="ModelException">The model reverses no degradation.</exception>
    /// <exception cref="ImageException">An original cannot be read, or is too small.</exception>
    /// <exception cref="ArgumentException">The metric of perception is unknown, or its weights are not named.</exception>
    public TradeoffReport Run(IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var metrics = _settings.Metrics();
        using var prior = Prior.Load(_settings.Model);
        var reverser = prior.Model.Predictor as DegradationReverser ?? throw new ModelException($"model '{prior.Name}' is {prior.Model.Predictor.Kind}; a trade-off along t needs one that reverses a degradation");
        var solver = new Dirac { Step = _settings.Step };
        var (sums, floor) = (new double[solver.Evaluations, metrics.Loaded.Count + 1], UnitSigma.FromSigned(reverser.Noise.Sigma(1)).Value);
        var count = StudyImages.Each(_settings, prior.Channels ?? 3, prior.Model.Card.NativeSize, reverser.Process.Degradation.LargestFit, (clean, seed, position) =>
        {
            using var h = reverser.Process.At(ImageShape.Of(clean), 1);
            var measurement = Measurement<LinearOperator>.Simulate(h, clean.To(prior.Device), reverser.Noise.Sigma(1), new SeededNoise(seed));
            var trace = new TrajectoryTrace(measurement, clean, metrics.Loaded);
            var steps = new Reporter<SolverStep>(step =>
            {
                trace.Report(step);
                progress?.Report((position.Done + (step.Index + 1.0) / step.Count) / position.Count);
            });
            solver.Restore(measurement, reverser, new SeededNoise(seed + 1), steps, cancellation);
            for (var i = 0; i < trace.Steps.Count; i++)
            {
                for (var k = 0; k < metrics.Loaded.Count; k++) sums[i, k] += trace.Steps[i].Values[k];
                sums[i, metrics.Loaded.Count] += trace.Steps[i].Consistency;
            }
        });
        var points = Enumerable.Range(0, solver.Evaluations)
            .Select(i => new TradeoffPoint(1 - i * _settings.Step, sums[i, 0] / count, sums[i, 1] / count, sums[i, 2] / count, sums[i, 3] / count)).ToArray();
        var better = metrics.Loaded[2].HigherIsBetter ? 1 : -1;
        return new TradeoffReport
        {
            Model = prior.Name,
            Images = count,
            Step = _settings.Step,
            Perception = _settings.Perception,
            Points = points,
            NoiseVariance = floor * floor,
            // Between the wanted step's time and the next, so that rounding decides nothing.
            Stops = new(_settings.Step, points.MaxBy(point => better * point.Perception)!.Time - _settings.Step / 2, points.MaxBy(point => point.Psnr)!.Time - _settings.Step / 2),
        };
    }

    /// <summary>Stores stopping points in the card beside a model's weights.</summary>
    /// <param name="pathOrName">The model.</param>
    /// <param name="stops">The stopping points.</param>
    /// <returns>The card's path.</returns>
    /// <exception cref="ModelException">The model has no card, or it says nothing of a degradation.</exception>
    /// <exception cref="ImageException">The card cannot be written.</exception>
    public static string Store(string pathOrName, StoppingPoints stops)
    {
        var file = ModelZoo.Find(pathOrName);
        var card = ModelZoo.CardBeside(file) ?? throw new ModelException($"'{file}' has no card to store stopping points in");
        var path = Path.ChangeExtension(file, ".json");
        (ReverserCard.Of(card) with { Stops = stops }).In(card).Write(path);
        return path;
    }
}
