using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>
/// Restores measurements from files with one set of settings: reads, binds operator and prior, solves, writes outputs and a receipt.
/// The model is loaded when the first measurement was found sound, and kept.
/// </summary>
public sealed class RestorationJob : IDisposable
{
    // Raised whenever the same settings give another result than before: older outputs are made again.
    private const int Revision = 4;

    private readonly OperatorFiles _files;
    private readonly string _folder;
    private readonly PriorFiles _priorFiles;
    private readonly Lazy<string> _priorHash;
    private Prior? _prior;

    /// <summary>Checks everything that can be checked without a measurement, and does no long work.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="folder">Where relative paths in them start.</param>
    /// <exception cref="OperatorException">The operator's text form is wrong.</exception>
    /// <exception cref="SolverOptionsException">The solver is unknown, or one of its settings is out of range.</exception>
    /// <exception cref="Models.ModelException">There is no such model or device.</exception>
    /// <exception cref="MeasurementException">The number of samples is out of range.</exception>
    public RestorationJob(RestorationSettings settings, string folder)
    {
        (Settings, _folder, _files) = (settings, folder, new OperatorFiles(folder));
        Operator = OperatorCatalog.Parse(settings.Operator);
        Solver = SolverCatalog.Create(settings.Solver, settings.SolverSettings);
        CheckSamples(settings);
        CheckSigma(settings, Operator);
        _priorFiles = PriorFiles.Find(settings.Prior);
        _priorHash = new(_priorFiles.Hash);
    }

    /// <summary>The settings.</summary>
    public RestorationSettings Settings { get; }

    /// <summary>The operator.</summary>
    public OperatorSpec Operator { get; }

    /// <summary>The solver.</summary>
    public Solver Solver { get; }

    /// <summary>What is allowed and hardly meant, one line each.</summary>
    public IEnumerable<string> Remarks => Remark(Solver, Settings.Sigma) is { } remark ? [remark] : [];

    /// <summary>Every file that a restoration may write: images, pictures and the receipt.</summary>
    /// <param name="output">The name of the restored image.</param>
    public IEnumerable<string> FilesOf(string output) =>
        [.. SampleFiles.Names(output, Settings.Samples, Settings.TruthMap), .. Solver.GivesComponents ? [ComponentFiles.Name(output)] : Array.Empty<string>(), Receipt.PathFor(output)];

    /// <summary>The files that every restoration reads: those of the operator and of the model.</summary>
    public IEnumerable<string> Reads => new[] { Operator.NamedFile is { } file ? _files.FullPath(file) : null, _priorFiles.Model, _priorFiles.Guide, _priorFiles.Classifier, _priorFiles.Architecture }.OfType<string>();

    /// <summary>The receipt of finished work with these settings; null when there is work to do.</summary>
    /// <exception cref="ImageException">The input cannot be read.</exception>
    public Receipt? Finished(string input, string output) =>
        Receipt.TryRead(output) is { } receipt && receipt.Hash == Hash(FileHash.Of(input), OperatorFile(), output) && receipt.OutputsAreIntact(output) ? receipt : null;

    /// <summary>Loads the model unless it is loaded.</summary>
    public Prior LoadPrior() => _prior ??= Prior.Load(_priorFiles.In(Settings.Prior));

    /// <summary>Checks an output's name before any work.</summary>
    /// <exception cref="ImageException">Its ending names no image format, or one without that depth, or its receipt would replace a file of another kind.</exception>
    public static void CheckOutput(string output, int? bits)
    {
        ImageFile.FormatOf(output);
        BitDepth.For(output, bits, 8);
        Receipt.CheckReplaceable(output);
    }

    /// <summary>Restores one measurement.</summary>
    /// <param name="input">The measurement: an image or a <c>.npy</c> array.</param>
    /// <param name="output">The restored image.</param>
    /// <param name="progress">Told of every step of every sample.</param>
    /// <param name="cancellation">Stops between steps; nothing is written then.</param>
    /// <exception cref="ImageException">A file cannot be read or written.</exception>
    /// <exception cref="OperatorException">The operator does not fit the measurement.</exception>
    /// <exception cref="MeasurementException">The measurement or its noise level makes no sense.</exception>
    /// <exception cref="UnsupportedOperatorException">The solver needs more than the operator has.</exception>
    /// <exception cref="UnsupportedModelException">The model is of another kind than the solver needs.</exception>
    /// <exception cref="DivergenceException">The solver's state left the range of images; nothing is written then.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public Receipt Run(string input, string output, IProgress<RestorationStep>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var started = DateTime.UtcNow;
        CheckOutput(output, Settings.Bits);
        var (content, operatorFile) = (FileHash.Of(input), OperatorFile());
        var device = Settings.Prior.ParseDevice();
        using var loaded = LoadedMeasurement.Open(input, Operator, Settings.Size, _files, device);
        var (h, bits) = (loaded.Operator, BitDepth.For(output, Settings.Bits, loaded.Bits));
        WorkingMemory.Check(h.InputShape, Solver.Evaluations > 0 ? WorkingMemory.Solver : WorkingMemory.Plain, device);
        if (!Solver.Accepts(h)) throw new UnsupportedOperatorException(Solver, h);
        var measurement = loaded.Measure(Settings.Sigma);

        var loading = Stopwatch.GetTimestamp();
        var modelSeconds = _prior is null ? 1.0 : 0;
        var predictor = LoadPrior().PredictorFor(h.InputShape.Channels);
        if (!Solver.Accepts(predictor)) throw new UnsupportedModelException(Solver, predictor);
        _prior!.CheckSize(h.InputShape.Height, h.InputShape.Width);
        modelSeconds *= Stopwatch.GetElapsedTime(loading).TotalSeconds;

        var clock = Stopwatch.GetTimestamp();
        var seeds = Enumerable.Range(0, Settings.Samples).Select(sample => ImageSeed.Of("restore", Settings.Seed, content, sample)).ToArray();
        var (samples, evaluations, components) = (new List<Tensor>(), 0, (PrincipalComponents?)null);
        foreach (var seed in seeds)
        {
            using var inner = new Scope();
            var sample = samples.Count;
            var steps = progress is null ? null : new Reporter<SolverStep>(step => progress.Report(new(sample, seeds.Length, step.Index, step.Count)));
            var restoration = Solver.RestoreAny(measurement, predictor, new SeededNoise(seed), steps, cancellation);
            evaluations += restoration.Evaluations;
            if (!restoration.Estimate.IsFinite().All()) throw new MeasurementException($"the restoration of '{input}' is not finite: the solver's settings do not suit the measurement");
            samples.Add(inner.Keep(restoration.Estimate.To(Device.Cpu)));
            if (restoration.Components is { } found) components = new(inner.Keep(found.Mean.To(Device.Cpu)), inner.Keep(found.Directions.To(Device.Cpu)));
        }
        cancellation.ThrowIfCancellationRequested();

        var sigma = UnitSigma.FromSigned(measurement.Sigma).Value;
        var statistics = samples.Count > 1 ? SampleStatistics.Of(samples) : null;
        var map = Settings.TruthMap ? TruthMap.Of(measurement.Operator, samples[0].To(device)) : null;
        var residuals = samples.Select(sample => Consistency.Residual(measurement, sample.To(device))).ToArray();
        var receipt = new Receipt
        {
            Kind = "restore",
            Hash = Hash(content, operatorFile, output),
            Input = new(Path.GetFullPath(input), content),
            Model = new(_priorFiles.Model, _prior.Model.Sha256),
            Guide = _priorFiles.Guide is { } guide ? ReceiptFile.Of(guide) : null,
            Classifier = _priorFiles.Classifier is { } classifier ? ReceiptFile.Of(classifier) : null,
            Architecture = _priorFiles.Architecture is { } architecture ? ReceiptFile.Of(architecture) : null,
            OperatorFile = operatorFile,
            Folder = _folder,
            Restoration = Settings,
            SolverSettings = SolverCatalog.Find(Settings.Solver).Complete(Settings.SolverSettings),
            PriorSchedule = (predictor as Denoiser)?.Schedule.ToString(),
            NoiseSeeds = [.. seeds.Select(seed => seed.ToString("x16", CultureInfo.InvariantCulture))],
            ImageSize = new(h.InputShape.Width, h.InputShape.Height),
            Sigma = sigma,
            Evaluations = evaluations * Settings.Prior.Networks,
            DataResidual = residuals[0],
            SampleResiduals = samples.Count > 1 ? residuals : null,
            MeanResidual = statistics is null ? null : Consistency.Residual(measurement, ValueRange.ToSigned(statistics.Mean).To(device)),
            NoiseVariance = sigma * sigma,
            Notes = Remark(Solver, sigma) is { } remark ? [remark] : null,
            OutOfDistribution = predictor.Warning(measurement.Operator, measurement.Sigma),
            ComponentDeviations = components is null ? null : [.. components.Deviations().ToArray<float>().Select(deviation => UnitSigma.FromSigned(deviation).Value)],
            Verdict = ResidualVerdict.Of(measurement, samples[0].To(device)),
            TruthMap = map?.Energy(),
            Started = started.ToString("s", CultureInfo.InvariantCulture) + "Z",
            Seconds = Stopwatch.GetElapsedTime(clock).TotalSeconds,
            ModelSeconds = modelSeconds,
            Versions = Versions.Current,
        };
        return OutputSet.Write(Receipt.PathFor(output), set =>
        {
            SampleFiles.Write(set, output, samples, statistics, loaded.Picture(), map, bits);
            if (components is not null) ComponentFiles.Write(set, output, components);
            return receipt with { Outputs = set.Files };
        });
    }

    /// <summary>Frees the model.</summary>
    public void Dispose() => _prior?.Dispose();

    /// <exception cref="MeasurementException">The number of samples is out of range.</exception>
    internal static void CheckSamples(RestorationSettings settings)
    {
        if (settings.Samples is < 1 or > 1000) throw new MeasurementException(string.Create(CultureInfo.InvariantCulture, $"samples is {settings.Samples}, expected 1 to 1000"));
    }

    /// <exception cref="MeasurementException">The noise is to be estimated, and such measurements do not show it.</exception>
    internal static void CheckSigma(RestorationSettings settings, OperatorSpec spec)
    {
        if (settings.Sigma is null && (spec.LeavesPixelsOut || !spec.MakesPictures))
            throw new MeasurementException($"operator '{spec}': the noise cannot be estimated from such a measurement, state it (--sigma)");
    }

    /// <summary>The line about a method for measurements without noise that is told of noise; else null.</summary>
    internal static string? Remark(Solver solver, double? sigma) => solver.HandlesNoise || sigma == 0 ? null
        : $"solver '{solver.Name}' takes the measurement for exact, so its noise comes into the image; solvers that handle noise: {string.Join(", ", SolverCatalog.All.Where(entry => entry.Default.HandlesNoise).Select(entry => entry.Name))}";

    private ReceiptFile? OperatorFile() => Operator.NamedFile is { } file ? ReceiptFile.Of(_files.FullPath(file)) : null;

    private string Hash(string content, ReceiptFile? operatorFile, string output) => FileHash.OfText(string.Create(
        CultureInfo.InvariantCulture,
        $"restore {Revision} {content} {_priorHash.Value} {operatorFile?.Sha256} {Solver} {Path.GetExtension(output)} {JsonSerializer.Serialize(Settings with { Prior = Settings.Prior.Anonymous }, ReceiptJson.Default.RestorationSettings)}"));
}

/// <summary>A report of a restoration's progress.</summary>
/// <param name="Sample">The sample in work, from 0.</param>
/// <param name="Samples">The number of samples.</param>
/// <param name="Step">The step, from 0.</param>
/// <param name="Steps">The number of steps of a sample.</param>
public readonly record struct RestorationStep(int Sample, int Samples, int Step, int Steps)
{
    /// <summary>The share of the work that is done, above 0, at most 1.</summary>
    public double Done => (Sample + (Step + 1.0) / Steps) / Samples;
}
