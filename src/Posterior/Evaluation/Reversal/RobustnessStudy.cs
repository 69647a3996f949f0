using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Reversal;

/// <summary>
/// How a model restores measurements that are not quite those of its training (Fabian et al. 2024, App. G): the blur is 0.6 to 1.4 times as wide, or the noise 0 to 0.08. The model
/// is not told.
/// </summary>
public sealed class RobustnessStudy
{
    private static readonly double[] _widths = [0.6, 0.8, 1, 1.2, 1.4], _levels = [0, 0.02, 0.04, 0.05, 0.06, 0.08];

    private readonly ReversalStudySettings _settings;
    private readonly Preference _prefer;

    /// <summary>Checks the settings; no long work.</summary>
    /// <param name="settings">The settings; <see cref="ReversalStudySettings.Step"/> is that of Dirac unless an end is preferred.</param>
    /// <param name="prefer">Which end of Dirac's process.</param>
    /// <exception cref="ModelException">There is no such model.</exception>
    /// <exception cref="MeasurementException">A number is out of range.</exception>
    public RobustnessStudy(ReversalStudySettings settings, Preference prefer = Preference.None)
    {
        settings.Validate();
        PriorFiles.Find(settings.Model);
        (_settings, _prefer) = (settings, prefer);
    }

    /// <summary>Restores every image from every perturbed measurement.</summary>
    /// <param name="progress">Told the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="ModelException">The model runs no degradation backwards.</exception>
    /// <exception cref="ImageException">An original cannot be read, or is too small.</exception>
    /// <exception cref="SolverOptionsException">An end is preferred and the model's card holds no stopping points.</exception>
    /// <exception cref="ArgumentException">The metric of perception is unknown, or its weights are not named.</exception>
    public RobustnessReport Run(IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var metrics = _settings.Metrics();
        using var prior = Prior.Load(_settings.Model);
        var (degradation, sigma, solver) = prior.Model.Predictor switch
        {
            DegradationReverser reverser => (reverser.Process.Degradation, UnitSigma.FromSigned(reverser.Noise.Sigma(1)).Value, (Solver)new Dirac { Step = _settings.Step, Prefer = _prefer }),
            BlendReverser when _prefer != Preference.None => throw new SolverOptionsException("--prefer is an end of Dirac's walk; an InDI model has none"),
            BlendReverser { Degradation: SeveritySpec spec } => (spec, BlendCard.Of(prior.Model.Card).Sigma, new Indi()),
            var other => throw new ModelException($"model '{prior.Name}' is {other.Kind}; robustness is that of one that reverses a degradation or a blend"),
        };
        var cases = new List<(double Value, SeveritySpec Degradation, double Sigma)>();
        if (degradation is BlurSeverity blur) cases.AddRange(_widths.Select(factor => (factor, (SeveritySpec)(blur with { Max = factor * blur.Max }), sigma)));
        var widths = cases.Count;
        cases.AddRange(_levels.Select(level => (level, degradation, level)));
        var sums = new double[cases.Count, 3];
        var count = StudyImages.Each(_settings, prior.Channels ?? 3, prior.Model.Card.NativeSize, degradation.LargestFit, (clean, seed, position) =>
        {
            var truth = ValueRange.ToUnit(clean);
            using var h = degradation.At(ImageShape.Of(clean), 1);
            for (var i = 0; i < cases.Count; i++)
            {
                using var inner = new Scope();
                using var perturbed = cases[i].Degradation.At(ImageShape.Of(clean), 1);
                var y = Measurement<LinearOperator>.Simulate(perturbed, clean.To(prior.Device), new UnitSigma(cases[i].Sigma).Signed, new SeededNoise(seed)).Data;
                var result = solver.RestoreAny(new Measurement<LinearOperator>(y, h, new UnitSigma(sigma).Signed), prior.Model.Predictor, new SeededNoise(seed + 1), null, cancellation);
                var estimate = ValueRange.ToUnit(result.Estimate).Clamp(0, 1).To(Device.Cpu);
                for (var k = 0; k < 3; k++) sums[i, k] += metrics.Loaded[k].Compare(estimate, truth)[0];
                progress?.Report((position.Done + (i + 1.0) / cases.Count) / position.Count);
            }
        });
        var points = cases.Select((one, i) => new RobustnessPoint(one.Value, sums[i, 0] / count, sums[i, 1] / count, sums[i, 2] / count)).ToArray();
        return new RobustnessReport
        {
            Model = prior.Name,
            Images = count,
            Solver = solver.Name,
            Perception = _settings.Perception,
            Sigma = sigma,
            Widths = points[..widths],
            Noise = points[widths..],
        };
    }
}
