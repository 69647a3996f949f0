using System.Diagnostics;
using System.Globalization;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Experiments;

/// <summary>
/// Runs an experiment in a folder. A measurement is drawn once for each image, task and seed and restored by all methods, so that comparisons are paired.
/// What the results file holds already is not done again; a killed run loses the restoration in hand; several processes on one folder share the work.
/// </summary>
public sealed class ExperimentRun : IDisposable
{
    private readonly string _folder;
    private readonly ExperimentImages _images;
    private readonly Dictionary<PriorSettings, Prior> _priors = [];
    private readonly ResultLog _log;
    private readonly WorkClaims _claims;
    private readonly OperatorFiles _files;
    private readonly ExperimentKeys _keys;
    private readonly ExperimentMetrics _metrics;
    private readonly ExperimentFeatures _features;
    private readonly ExperimentPictures _pictures;
    private readonly Dictionary<ExperimentMethod, Solver> _solvers;
    private readonly Dictionary<ExperimentMethod, int> _evaluations = [];
    private readonly Lazy<Dictionary<ExperimentTask, ExperimentMethod[]>> _doing;

    /// <summary>Opens images and model and the results so far; restores nothing.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="folder">The folder of its results, which is made.</param>
    /// <param name="files">Where relative paths of masks and kernels start: the folder of the experiment's file.</param>
    /// <param name="metrics">The metrics of the experiment's names; they stay the caller's.</param>
    /// <exception cref="ImageException">The images or the folder cannot be used.</exception>
    /// <exception cref="Models.ModelException">The model cannot be used.</exception>
    /// <exception cref="ExperimentException">Labels are asked for that the images or the model do not have, or a solver does not work with its model.</exception>
    public ExperimentRun(Experiment experiment, string folder, string files, ExperimentMetrics metrics)
    {
        (Experiment, _folder, _files, _metrics) = (experiment, folder, new OperatorFiles(files), metrics);
        OutputSet.CheckWritable(folder);
        _log = new(Path.Combine(folder, ResultLog.FileName));
        _claims = new(Directory.CreateDirectory(Path.Combine(folder, "claims")).FullName);
        (_features, _pictures) = (new(folder, metrics), new(folder));
        _solvers = experiment.Methods.ToDictionary(method => method, method => SolverCatalog.Create(method.Solver, method.Settings));
        _keys = new(experiment, _files, _solvers, PriorOf);
        _doing = new(() => ExperimentChecks.Doing(experiment, _solvers, Bind, _images!));
        _images = new(experiment.Dataset);
        try
        {
            foreach (var method in experiment.Methods)
            {
                var settings = experiment.PriorOf(method);
                // Methods that share weights and not class or guidance have priors of their own.
                if (!_priors.TryGetValue(settings, out var prior)) _priors[settings] = prior = Prior.Load(settings);
                if (!_solvers[method].Accepts(prior.Model.Predictor)) throw new ExperimentException($"method '{method.Name}' and model '{prior.Name}': {new UnsupportedModelException(_solvers[method], prior.Model.Predictor).Message}");
                _evaluations[method] = EvaluationsOf(method, prior);
                if (experiment.LabelsFor(method)) ExperimentChecks.Labels(_images, prior);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The experiment.</summary>
    public Experiment Experiment { get; }

    private Device Device => _priors.Values.First().Device;

    /// <summary>The number of images.</summary>
    public int ImageCount => _images.Count;

    /// <summary>The restorations and evaluations that are left, and what does not go together.</summary>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    /// <param name="progress">Told how many images were looked at.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="ExperimentException">An image does not suit a task or a metric.</exception>
    public ExperimentPlan Plan(IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        var shapes = ExperimentChecks.ShapesOf(_images, progress, cancellation);
        var notes = ExperimentChecks.Shapes(Experiment, shapes, _metrics, Bind, (method, channels) => PriorOf(method).PredictorFor(channels, Experiment.LabelsFor(method) ? 0 : null));
        var rows = _log.Read();
        var cells = Cells().ToArray();
        var left = cells.Where(cell => !Has(rows, cell.Key)).ToArray();
        return new(cells.Length, left.Length, left.Sum(cell => (long)_evaluations[cell.Method] * Experiment.PriorOf(cell.Method).Networks), Seconds(left.Select(cell => cell.Method)), [.. notes, .. ExperimentChecks.Ranks(Experiment, _images, _metrics), .. ExperimentChecks.Notes(Experiment, _solvers, _doing.Value)]);
    }

    /// <summary>Does what is missing. A restoration that diverges is left out and stops no other.</summary>
    /// <param name="progress">Told of each restoration that is done.</param>
    /// <param name="cancellation">Stops between the steps of a solver; what is done stays.</param>
    /// <returns>What diverged, one line each.</returns>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public IReadOnlyList<string> Run(IProgress<ResultRow>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        var diverged = new List<string>();
        // What is done before an interrupt can be reported.
        var description = Description();
        if (!description.IsIn(_folder)) description.WriteDescription(_folder);
        for (var image = 0; image < _images.Count; image++)
        {
            using var scope = new Scope();
            var (clean, content) = _images.Load(image);
            foreach (var task in Experiment.Tasks)
            {
                cancellation.ThrowIfCancellationRequested();
                using var claim = _claims.Take(FileHash.OfText($"{content} {task.Name}"));
                if (claim is null) continue;
                Restore(image, clean, content, task, diverged, progress, cancellation);
            }
        }
        return diverged;
    }

    /// <summary>What this experiment is, for its folder, with the distances of its sets so far.</summary>
    /// <param name="cache">The cache of the originals' features; null for the user's.</param>
    /// <param name="cancellation">Stops between distances.</param>
    public ExperimentFolder Describe(string? cache = null, CancellationToken cancellation = default)
    {
        var description = Description();
        return description with { Sets = _features.Evaluate(Experiment, ExperimentFolder.Named(description.Cells, _log.Read()), cache, cancellation) };
    }

    /// <summary>How many restorations are not done: those that diverged, and those that another process has in hand, or had when it ended.</summary>
    public int Left()
    {
        var rows = _log.Read();
        return Cells().Count(cell => !Has(rows, cell.Key));
    }

    /// <summary>Frees model and images.</summary>
    public void Dispose()
    {
        foreach (var prior in _priors.Values) prior.Dispose();
        _images.Dispose();
    }

    private ExperimentFolder Description() => new()
    {
        Experiment = Experiment,
        Images = _images.Count,
        Cells = [.. Cells().Select(cell => new ExperimentCell(cell.Key, cell.Task.Name, cell.Method.Name, _images.Name(cell.Image)))],
        Pictures = [.. Enumerable.Range(0, Math.Min(Experiment.Pictures, _images.Count)).SelectMany(Names)],
    };

    private void Restore(int image, Tensor clean, string content, ExperimentTask task, List<string> diverged, IProgress<ResultRow>? progress, CancellationToken cancellation)
    {
        using var scope = new Scope();
        var rows = _log.Read();
        using var h = Bind(task.OperatorFor(content), task, ImageShape.Of(clean));
        var truth = Crop.Centre(clean, h.InputShape.Height, h.InputShape.Width);
        var label = _images.Label(image);
        foreach (var seed in Experiment.Seeds)
        {
            using var drawn = new Scope();
            var pictured = image < Experiment.Pictures && seed == Experiment.Seeds[0];
            Measurement<LinearOperator>? measurement = null;
            if (pictured && _keys.PictureOf(_images.Name(image), task, content, ImageShape.Of(clean)) is var names && !(_pictures.Has(names.Original) && _pictures.Has(names.Measurement)))
            {
                measurement = Measure(h, truth, content, task, seed);
                _pictures.Keep(names.Original, truth);
                _pictures.Keep(names.Measurement, measurement);
            }
            foreach (var method in _doing.Value[task])
            {
                var predictor = PriorOf(method).PredictorFor(truth.Size(1), Experiment.LabelsFor(method) ? label : null);
                for (var sample = 0; sample < Experiment.Samples; sample++)
                {
                    var key = _keys.Of(task, method, content, label, seed, sample);
                    if (Has(rows, key)) continue;
                    cancellation.ThrowIfCancellationRequested();
                    measurement ??= Measure(h, truth, content, task, seed);
                    using var work = new Scope();
                    TorchRuntime.ReleaseMemory();
                    var clock = Stopwatch.GetTimestamp();
                    Restoration result;
                    try
                    {
                        result = _solvers[method].RestoreAny(measurement, predictor, new SeededNoise(ImageSeed.Of("restore", seed, content, sample)), null, cancellation);
                    }
                    catch (DivergenceException failure)
                    {
                        diverged.Add($"{_images.Name(image)}, {task.Name}, {method.Name}: {failure.Message}");
                        continue;
                    }
                    var (seconds, peak) = (Stopwatch.GetElapsedTime(clock).TotalSeconds, TorchRuntime.Memory.Peak);
                    var estimate = ValueRange.ToUnit(result.Estimate).To(Device.Cpu).Clamp(0, 1);
                    if (pictured) _pictures.Keep(key, estimate);
                    _features.Take(key, estimate, result.Estimate, measurement);
                    var row = new ResultRow
                    {
                        Key = key,
                        Image = _images.Name(image),
                        Task = task.Name,
                        Method = method.Name,
                        Seed = seed,
                        Sample = sample,
                        Metrics = _metrics.Loaded.ToDictionary(metric => metric.Name, metric => Value(metric, estimate, truth)),
                        Weights = _metrics.Weights,
                        Consistency = Consistency.Residual(measurement, result.Estimate),
                        Evaluations = result.Evaluations * Experiment.PriorOf(method).Networks,
                        Seconds = seconds,
                        PeakBytes = peak,
                        Done = DateTime.UtcNow.ToString("s", CultureInfo.InvariantCulture) + "Z",
                    };
                    _log.Append(row);
                    progress?.Report(row);
                }
            }
        }
    }

    private Measurement<LinearOperator> Measure(LinearOperator h, Tensor truth, string content, ExperimentTask task, ulong seed)
    {
        using var scope = new Scope();
        var x = ValueRange.ToSigned(truth).To(Device);
        var drawn = Measurement<LinearOperator>.Simulate(h, x, new UnitSigma(task.Sigma).Signed, new SeededNoise(ImageSeed.Of("degrade", seed, content, 0)));
        var y = drawn.Data;
        if (task.JpegQuality is { } quality) y = MeasurementFile.ToSigned(h, JpegCompression.Apply(MeasurementFile.ToUnit(h, y), quality));
        return new(scope.Keep(y), h, new UnitSigma(task.Told).Signed);
    }

    private LinearOperator Bind(ExperimentTask task, ImageShape shape) => Bind(OperatorCatalog.Parse(task.Operator), task, shape);

    private LinearOperator Bind(OperatorSpec spec, ExperimentTask task, ImageShape shape)
    {
        var bound = spec.Bind(spec.LargestFit(shape), _files, DType.Float32, Device);
        if (bound is LinearOperator linear) return linear;
        bound.Dispose();
        throw new ExperimentException($"task '{task.Name}': operator '{task.Operator}' is not linear");
    }

    // All restorations, image after image.
    private IEnumerable<(int Image, ExperimentTask Task, ExperimentMethod Method, string Key)> Cells()
    {
        for (var image = 0; image < _images.Count; image++)
        {
            var content = _images.Content(image);
            foreach (var task in Experiment.Tasks)
                foreach (var method in _doing.Value[task])
                    foreach (var (seed, sample) in Draws()) yield return (image, task, method, _keys.Of(task, method, content, _images.Label(image), seed, sample));
        }
    }

    private IEnumerable<(ulong Seed, int Sample)> Draws() => Experiment.Seeds.SelectMany(seed => Enumerable.Range(0, Experiment.Samples).Select(sample => (seed, sample)));

    // A row lacks a metric that was asked for later, or has it with other weights: it is done again.
    private bool Has(IReadOnlyDictionary<string, ResultRow> rows, string key) => rows.TryGetValue(key, out var row) && _metrics.Loaded.All(metric => row.Metrics.ContainsKey(metric.Name) && row.Weights?.GetValueOrDefault(metric.Name) == _metrics.WeightsOf(metric)) && _features.Has(key);

    private int EvaluationsOf(ExperimentMethod method, Prior prior)
    {
        try
        {
            // As it will run: guided, and with a class where it has one.
            return _solvers[method].EvaluationsWith(prior.PredictorFor(prior.Channels ?? 3, Experiment.LabelsFor(method) ? 0 : null));
        }
        catch (SolverOptionsException failure)
        {
            throw new ExperimentException($"method '{method.Name}' and model '{prior.Name}': {failure.Message}");
        }
    }

    private IEnumerable<PictureName> Names(int image)
    {
        using var scope = new Scope();
        var (clean, content) = _images.Load(image);
        var shape = ImageShape.Of(clean);
        return [.. Experiment.Tasks.Select(task => _keys.PictureOf(_images.Name(image), task, content, shape))];
    }

    private static double Value(IMetric metric, Tensor estimate, Tensor truth)
    {
        try
        {
            return metric.Compare(estimate, truth)[0];
        }
        catch (ArgumentException)
        {
            return double.NaN; // the image is too small for the metric's window
        }
    }

    // What an evaluation of a model costs that is no prior depends on the measurement: it is left out.
    private double Seconds(IEnumerable<ExperimentMethod> methods) => methods.GroupBy(Experiment.PriorOf).Sum(group => group.Sum(method => (double)_evaluations[method]) is var evaluations && evaluations > 0 ? evaluations * SecondsOf(PriorOf(group.First())) : 0);

    private double SecondsOf(Prior prior)
    {
        if (prior.Model.Predictor is not Denoiser) return 0;
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var (clean, _) = _images.Load(0);
        var (x, denoiser) = (ValueRange.ToSigned(clean).To(Device), prior.For(clean.Size(1)));
        denoiser.Denoise(x, 1);
        var clock = Stopwatch.GetTimestamp();
        denoiser.Denoise(x, 1);
        return Stopwatch.GetElapsedTime(clock).TotalSeconds;
    }

    private Prior PriorOf(ExperimentMethod method) => _priors[Experiment.PriorOf(method)];
}
