using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
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
    private readonly Prior _prior;
    private readonly ResultLog _log;
    private readonly WorkClaims _claims;
    private readonly OperatorFiles _files;
    private readonly IReadOnlyList<IMetric> _metrics;
    private readonly Dictionary<ExperimentMethod, Solver> _solvers;
    private readonly Lazy<Dictionary<ExperimentTask, ExperimentMethod[]>> _doing;

    /// <summary>Opens images and model and the results so far; restores nothing.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="folder">The folder of its results, which is made.</param>
    /// <param name="files">Where relative paths of masks and kernels start: the folder of the experiment's file.</param>
    /// <param name="metrics">The metrics of the experiment's names; they stay the caller's.</param>
    /// <exception cref="ImageException">The images or the folder cannot be used.</exception>
    /// <exception cref="Models.ModelException">The model cannot be used.</exception>
    public ExperimentRun(Experiment experiment, string folder, string files, IReadOnlyList<IMetric> metrics)
    {
        (Experiment, _folder, _files) = (experiment, folder, new OperatorFiles(files));
        OutputSet.CheckWritable(folder);
        _log = new(Path.Combine(folder, ResultLog.FileName));
        _claims = new(Directory.CreateDirectory(Path.Combine(folder, "claims")).FullName);
        _metrics = metrics;
        _solvers = experiment.Methods.ToDictionary(method => method, method => SolverCatalog.Create(method.Solver, method.Settings));
        _doing = new(Doing);
        _images = new(experiment.Dataset);
        try
        {
            _prior = Prior.Load(experiment.Prior);
        }
        catch
        {
            _images.Dispose();
            throw;
        }
    }

    /// <summary>The experiment.</summary>
    public Experiment Experiment { get; }

    /// <summary>The number of images.</summary>
    public int ImageCount => _images.Count;

    /// <summary>The restorations and evaluations that are left, and what does not go together.</summary>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    public ExperimentPlan Plan()
    {
        var rows = _log.Read();
        var cells = Cells().ToArray();
        var left = cells.Where(cell => !Has(rows, cell.Key)).ToArray();
        return new(cells.Length, left.Length, left.Sum(cell => (long)_solvers[cell.Method].Evaluations), SecondsPerEvaluation(), [.. Notes()]);
    }

    /// <summary>Does what is missing.</summary>
    /// <param name="progress">Told of each restoration that is done.</param>
    /// <param name="cancellation">Stops between the steps of a solver; what is done stays.</param>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public void Run(IProgress<ResultRow>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        for (var image = 0; image < _images.Count; image++)
        {
            using var scope = new Scope();
            var (clean, content) = _images.Load(image);
            foreach (var task in Experiment.Tasks)
            {
                cancellation.ThrowIfCancellationRequested();
                using var claim = _claims.Take(FileHash.OfText($"{content} {task.Name}"));
                if (claim is null) continue;
                Restore(image, clean, content, task, progress, cancellation);
            }
        }
    }

    /// <summary>What this experiment is, for its folder.</summary>
    public ExperimentFolder Describe() => new() { Experiment = Experiment, Images = _images.Count, Keys = [.. Cells().Select(cell => cell.Key)] };

    /// <summary>Frees model and images.</summary>
    public void Dispose()
    {
        _prior.Dispose();
        _images.Dispose();
    }

    private void Restore(int image, Tensor clean, string content, ExperimentTask task, IProgress<ResultRow>? progress, CancellationToken cancellation)
    {
        using var scope = new Scope();
        var rows = _log.Read();
        using var h = Bind(task, clean);
        var truth = Crop.Centre(clean, h.InputShape.Height, h.InputShape.Width);
        var predictor = _prior.PredictorFor(truth.Size(1));
        foreach (var seed in Experiment.Seeds)
        {
            using var drawn = new Scope();
            Measurement<LinearOperator>? measurement = null;
            foreach (var method in _doing.Value[task])
            {
                for (var sample = 0; sample < Experiment.Samples; sample++)
                {
                    var key = Key(task, method, content, seed, sample);
                    if (Has(rows, key)) continue;
                    cancellation.ThrowIfCancellationRequested();
                    measurement ??= Measure(h, truth, content, task, seed);
                    using var work = new Scope();
                    TorchRuntime.ReleaseMemory();
                    var clock = Stopwatch.GetTimestamp();
                    var result = _solvers[method].RestoreAny(measurement, predictor, new SeededNoise(ImageSeed.Of("restore", seed, content, sample)), null, cancellation);
                    var (seconds, peak) = (Stopwatch.GetElapsedTime(clock).TotalSeconds, TorchRuntime.Memory.Peak);
                    var estimate = ValueRange.ToUnit(result.Estimate).To(Device.Cpu).Clamp(0, 1);
                    if (image < Experiment.Pictures && seed == Experiment.Seeds[0]) Picture(key, estimate);
                    var row = new ResultRow
                    {
                        Key = key,
                        Image = _images.Name(image),
                        Task = task.Name,
                        Method = method.Name,
                        Seed = seed,
                        Sample = sample,
                        Metrics = _metrics.ToDictionary(metric => metric.Name, metric => Value(metric, estimate, truth)),
                        Consistency = Consistency.Residual(measurement, result.Estimate),
                        Evaluations = result.Evaluations,
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
        var x = ValueRange.ToSigned(truth).To(_prior.Device);
        var drawn = Measurement<LinearOperator>.Simulate(h, x, new UnitSigma(task.Sigma).Signed, new SeededNoise(ImageSeed.Of("degrade", seed, content, 0)));
        var y = drawn.Data;
        if (task.JpegQuality is { } quality)
        {
            var unit = (y + h.Apply(x.OnesLike())) / 2;
            y = MeasurementFile.ToSigned(h, JpegCompression.Apply(unit, quality));
        }
        return new(scope.Keep(y), h, new UnitSigma(task.Told).Signed);
    }

    private LinearOperator Bind(ExperimentTask task, Tensor clean)
    {
        var spec = OperatorCatalog.Parse(task.Operator);
        var bound = spec.Bind(spec.LargestFit(ImageShape.Of(clean)), _files, DType.Float32, _prior.Device);
        if (bound is LinearOperator linear) return linear;
        bound.Dispose();
        throw new ExperimentException($"task '{task.Name}': operator '{task.Operator}' is not linear");
    }

    // All restorations, image after image.
    private IEnumerable<(ExperimentTask Task, ExperimentMethod Method, string Key)> Cells()
    {
        for (var image = 0; image < _images.Count; image++)
        {
            using var scope = new Scope();
            var (_, content) = _images.Load(image);
            foreach (var task in Experiment.Tasks)
                foreach (var method in _doing.Value[task])
                    foreach (var (seed, sample) in Draws()) yield return (task, method, Key(task, method, content, seed, sample));
        }
    }

    // The methods of each task whose solver has what it needs of the operator.
    private Dictionary<ExperimentTask, ExperimentMethod[]> Doing()
    {
        using var scope = new Scope();
        var (clean, _) = _images.Load(0);
        return Experiment.Tasks.ToDictionary(task => task, task =>
        {
            using var h = Bind(task, clean);
            return Experiment.Methods.Where(method => method.Does(task) && _solvers[method].Accepts(h)).ToArray();
        });
    }

    private IEnumerable<string> Notes()
    {
        foreach (var task in Experiment.Tasks)
            foreach (var method in Experiment.Methods.Where(method => method.Does(task)))
            {
                if (!_doing.Value[task].Contains(method)) yield return $"{method.Name} does not do {task.Name}: it needs more than operator '{task.Operator}' offers";
                else if (task.Told > 0 && !_solvers[method].HandlesNoise) yield return $"{method.Name} takes the noise of {task.Name} for image";
            }
    }

    private IEnumerable<(ulong Seed, int Sample)> Draws() => Experiment.Seeds.SelectMany(seed => Enumerable.Range(0, Experiment.Samples).Select(sample => (seed, sample)));

    // A row lacks a metric that was asked for later: it is done again.
    private bool Has(IReadOnlyDictionary<string, ResultRow> rows, string key) => rows.TryGetValue(key, out var row) && _metrics.All(metric => row.Metrics.ContainsKey(metric.Name));

    // The solver's text holds all its settings, also those that came from defaults of another version.
    private string Key(ExperimentTask task, ExperimentMethod method, string content, ulong seed, int sample)
    {
        var file = OperatorFiles.NamedBy(OperatorCatalog.Parse(task.Operator)) is { } named ? FileHash.Of(_files.FullPath(named)) : "";
        return FileHash.OfText(string.Create(
            CultureInfo.InvariantCulture,
            $"eval {Versions.Library} {content} {Experiment.Dataset.Size} {Experiment.Dataset.Shrink} {_prior.Model.Sha256} {Experiment.Prior.Dtype} {Experiment.Prior.Class} {task.Operator} {file} {task.Sigma:R} {task.Told:R} {task.JpegQuality} {method.Solver} {_solvers[method]} {JsonSerializer.Serialize(method.Settings, ReceiptJson.Default.SolverSettings)} {seed} {sample}"))[..32];
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

    private void Picture(string key, Tensor estimate)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, "pictures")).FullName;
        ImageFile.Save(Path.Combine(folder, key + ".png"), estimate);
    }

    private double SecondsPerEvaluation()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var (clean, _) = _images.Load(0);
        var (x, denoiser) = (ValueRange.ToSigned(clean).To(_prior.Device), _prior.For(clean.Size(1)));
        denoiser.Denoise(x, 1);
        var clock = Stopwatch.GetTimestamp();
        denoiser.Denoise(x, 1);
        return Stopwatch.GetElapsedTime(clock).TotalSeconds;
    }
}

/// <summary>What an experiment has left to do.</summary>
/// <param name="Restorations">All restorations.</param>
/// <param name="Left">Those that are not done.</param>
/// <param name="Evaluations">The network evaluations of those.</param>
/// <param name="SecondsPerEvaluation">The time of one, measured on the first image.</param>
/// <param name="Notes">Methods that do not suit a task.</param>
public sealed record ExperimentPlan(int Restorations, int Left, long Evaluations, double SecondsPerEvaluation, IReadOnlyList<string> Notes)
{
    /// <summary>The time that is left, if solvers take nothing beside the network; those that differentiate it take about three times as much.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(Evaluations * SecondsPerEvaluation);
}
