using System.Globalization;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Evaluation;

/// <summary>
/// Finds out what a restoration would do without doing it: checks that <see cref="RestorationJob"/> makes one after the other are all made, files are read, the model is
/// loaded, and the cost of one evaluation is measured on noise of the size of a tile.
/// </summary>
public sealed class RestorationPlanner
{
    private readonly RestorationSettings _settings;
    private readonly string _folder;
    private readonly List<string> _problems;
    private readonly Dictionary<ImageShape, EvaluationProbe> _probes = [];

    /// <summary>Prepares a plan.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="folder">Where relative paths in them start.</param>
    /// <param name="problems">What was found wrong before, one line each.</param>
    public RestorationPlanner(RestorationSettings settings, string folder, IEnumerable<string> problems) => (_settings, _folder, _problems) = (settings, folder, [.. problems]);

    /// <summary>Makes the plan.</summary>
    /// <param name="items">The files.</param>
    /// <param name="force">Whether finished files are done again.</param>
    /// <param name="progress">Told what is looked at.</param>
    /// <param name="cancellation">Stops between files.</param>
    public RestorationPlan Make(IReadOnlyList<BatchItem> items, bool force, IProgress<string>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        var spec = Try(() => OperatorCatalog.Parse(_settings.Operator));
        var solver = Try(() => SolverCatalog.Create(_settings.Solver, _settings.SolverSettings));
        Check(() => RestorationJob.CheckSamples(_settings));
        if (spec is not null) Check(() => RestorationJob.CheckSigma(_settings, spec));
        var sound = Check(() => _settings.Prior.ParseDevice());
        var files = Try(() => PriorFiles.Find(_settings.Prior));
        foreach (var item in items) Check(() => RestorationJob.CheckOutput(item.Output, _settings.Bits));
        foreach (var parent in items.Select(item => Existing(Path.GetDirectoryName(Path.GetFullPath(item.Output))!)).Distinct()) Check(() => OutputSet.CheckWritable(parent));

        progress?.Report("loading the model");
        using var prior = sound && files is not null ? Try(() => Prior.Load(files.In(_settings.Prior))) : null;
        using var job = _problems.Count == 0 ? new RestorationJob(_settings, _folder) : null;
        if (job is not null) Check(() => BatchPlan.Check(items, job.FilesOf, job.Reads));
        var planned = new List<PlannedRestoration>();
        foreach (var item in items)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(Path.GetFileName(item.Input));
            if (!force && job is not null && Try(() => job.Finished(item.Input, item.Output)) is not null) planned.Add(new(item.Input, item.Output) { Evaluations = 0, Seconds = 0, Finished = true });
            else planned.Add(Plan(item, items.Count > 1 ? item.Input + ": " : "", spec, solver, prior));
        }
        var remark = solver is null ? null : RestorationJob.Remark(solver, _settings.Sigma);
        return new()
        {
            Problems = [.. _problems.Distinct()],
            Remarks = remark is null ? [] : [remark],
            Items = planned,
            // Grey and coloured images of one size are one entry.
            MeasuredEvaluations = _probes.GroupBy(probe => string.Create(CultureInfo.InvariantCulture, $"{probe.Key.Width}x{probe.Key.Height}"))
                .ToDictionary(probes => probes.Key, probes => probes.Max(probe => probe.Value.Seconds)),
        };
    }

    private PlannedRestoration Plan(BatchItem item, string name, OperatorSpec? spec, Solver? solver, Prior? prior)
    {
        using var scope = new Scope();
        var plan = new PlannedRestoration(item.Input, item.Output);
        var device = prior?.Device ?? default;
        if (spec is null)
        {
            Check(() => MeasurementFile.Load(item.Input, out _), name);
            return plan;
        }
        using var loaded = Try(() => LoadedMeasurement.Open(item.Input, spec, _settings.Size, new OperatorFiles(_folder), device), name);
        if (loaded is null) return plan;
        var shape = loaded.Operator.InputShape;
        plan = plan with { ImageSize = new(shape.Width, shape.Height) };
        if (solver is not null) Check(() => WorkingMemory.Check(shape, solver.Evaluations > 0 ? WorkingMemory.Solver : WorkingMemory.Plain, device), name);
        if (solver is not null && !solver.Accepts(loaded.Operator)) Report(new UnsupportedOperatorException(solver, loaded.Operator), name);
        if (Try(() => loaded.Measure(_settings.Sigma), name) is { } measurement) plan = plan with { Sigma = UnitSigma.FromSigned(measurement.Sigma).Value };
        if (prior is null) return plan;
        Check(() => prior.CheckSize(shape.Height, shape.Width), name);
        var predictor = Try(() => prior.PredictorFor(shape.Channels), name);
        var tiles = prior.TilesOf(shape.Height, shape.Width);
        plan = plan with { Tiles = tiles.Count };
        if (solver is not null && predictor is not null && !solver.Accepts(predictor)) Report(new UnsupportedModelException(solver, predictor), name);
        var each = 0;
        if (solver is not null && predictor is not null) Check(() => each = solver.EvaluationsWith(predictor), name);
        // With problems there is nothing whose time would matter.
        if (predictor is null || solver is null || _problems.Count > 0) return plan;
        var evaluations = each * _settings.Samples;
        plan = plan with { Evaluations = evaluations * _settings.Prior.Networks };
        if (evaluations == 0) return plan with { Seconds = 0 };
        // What an evaluation of other models costs depends on the measurement.
        if (predictor is not Denoiser denoiser) return plan;

        // A classifier judges whole images of its own size.
        var largest = tiles.MaxBy(tile => tile.Height * tile.Width);
        var probed = _settings.Prior.Classifier is null ? new ImageShape(shape.Channels, largest.Height, largest.Width) : shape;
        if (!_probes.TryGetValue(probed, out var probe)) _probes[probed] = probe = EvaluationProbe.Measure(denoiser, probed, device, solver.DifferentiatesPrior);
        var share = probed == shape ? 1 : tiles.Sum(tile => (double)tile.Height * tile.Width) / (probed.Height * probed.Width);
        return plan with
        {
            Seconds = evaluations * share * probe.Seconds,
            PeakBytes = probe.Bytes is { } bytes ? Environment.WorkingSet + bytes + WorkingMemory.MostOfSolver * shape.Count * sizeof(float) : null,
        };
    }

    private static string Existing(string folder)
    {
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent) folder = parent;
        return folder;
    }

    private bool Check(Action check, string name = "")
    {
        var before = _problems.Count;
        Try<object>(() =>
        {
            check();
            return null;
        }, name);
        return _problems.Count == before;
    }

    private T? Try<T>(Func<T?> read, string name = "")
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is ImageException or OperatorException or SolverOptionsException or MeasurementException or ModelException or UnsupportedOperatorException or UnsupportedModelException
            or WeightFileException or StateDictException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            Report(error, name);
            return null;
        }
    }

    private void Report(Exception error, string name) => _problems.Add(name + error.Message.Split('\n')[0].TrimEnd());
}
