using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
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
    private readonly OperatorFiles _files;
    private readonly string _folder;
    private readonly string _modelPath;
    private readonly Lazy<string> _modelHash;
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
        if (settings.Samples is < 1 or > 1000) throw new MeasurementException(string.Create(CultureInfo.InvariantCulture, $"samples is {settings.Samples}, expected 1 to 1000"));
        if (settings.Sigma is null && Operator is InpaintSpec or HadamardSpec or BlockSensingSpec or MatrixSpec)
            throw new MeasurementException($"operator '{Operator}': the noise cannot be estimated from such a measurement, state it (--sigma)");
        _modelPath = Prior.Find(settings.Prior);
        _modelHash = new(() => FileHash.Of(_modelPath));
    }

    /// <summary>The settings.</summary>
    public RestorationSettings Settings { get; }

    /// <summary>The operator.</summary>
    public OperatorSpec Operator { get; }

    /// <summary>The solver.</summary>
    public Solver Solver { get; }

    /// <summary>The number of steps of progress that one measurement takes.</summary>
    public int Steps => Solver.Reports * Settings.Samples;

    /// <summary>What a user should know before the work; null for nothing.</summary>
    public string? Note => Settings.Sigma is { } sigma ? NoteOn(sigma) : null;

    /// <summary>The receipt of finished work with these settings; null when there is work to do.</summary>
    /// <exception cref="ImageException">The input cannot be read.</exception>
    public Receipt? Finished(string input, string output) =>
        Receipt.TryRead(output) is { } receipt && receipt.Hash == Hash(FileHash.Of(input), OperatorFile(), output) && receipt.OutputsAreIntact() ? receipt : null;

    /// <summary>Loads the model unless it is loaded.</summary>
    public Prior LoadPrior() => _prior ??= Prior.Load(Settings.Prior with { Model = _modelPath });

    /// <summary>Checks an output's name before any work.</summary>
    /// <exception cref="ImageException">Its ending names no image format, or one without that depth.</exception>
    public static void CheckOutput(string output, int? bits)
    {
        ImageFile.FormatOf(output);
        BitDepth.For(output, bits, 8);
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
    /// <exception cref="DivergenceException">The solver's state left the range of images; nothing is written then.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public Receipt Run(string input, string output, IProgress<RestorationStep>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var started = DateTime.UtcNow;
        CheckOutput(output, Settings.Bits);
        var (content, operatorFile) = (FileHash.Of(input), OperatorFile());
        var y = MeasurementFile.Load(input, out var measuredBits);
        var bits = BitDepth.For(output, Settings.Bits, measuredBits);
        var device = Settings.Prior.ParseDevice();
        using var h = Bind(ref y, device);
        if (!Solver.Accepts(h)) throw new UnsupportedOperatorException(Solver, h);
        if (h is not LinearOperator linear) throw new OperatorException($"operator '{h.Name}' is not linear, so its measurements cannot be brought to the prior's range of values");
        var sigma = new UnitSigma(Settings.Sigma ?? Estimate(y));
        var unit = y.Unsqueeze(0).To(device);
        var measurement = new Measurement<LinearOperator>(MeasurementFile.ToSigned(linear, unit), linear, sigma.Signed);

        var loading = Stopwatch.GetTimestamp();
        var modelSeconds = _prior is null ? 1.0 : 0;
        var denoiser = LoadPrior().For(h.InputShape.Channels);
        modelSeconds *= Stopwatch.GetElapsedTime(loading).TotalSeconds;

        var clock = Stopwatch.GetTimestamp();
        var seeds = Enumerable.Range(0, Settings.Samples).Select(sample => ImageSeed.Of("restore", Settings.Seed, content, sample)).ToArray();
        var (samples, evaluations) = (new List<Tensor>(), 0);
        foreach (var seed in seeds)
        {
            using var inner = new Scope();
            var sample = samples.Count;
            var steps = progress is null ? null : new Relay(step => progress.Report(new(sample, seeds.Length, step.Index, step.Count)));
            var restoration = Solver.RestoreAny(measurement, denoiser, new SeededNoise(seed), steps, cancellation);
            evaluations += restoration.Evaluations;
            samples.Add(inner.Keep(restoration.Estimate.To(Device.Cpu)));
        }
        cancellation.ThrowIfCancellationRequested();
        if (!samples[0].IsFinite().All()) throw new MeasurementException($"the restoration of '{input}' is not finite: the solver's settings do not suit the measurement");

        var receipt = new Receipt
        {
            Kind = "restore",
            Hash = Hash(content, operatorFile, output),
            Input = new(Path.GetFullPath(input), content),
            Model = new(_modelPath, _prior!.Model.Sha256),
            OperatorFile = operatorFile,
            Folder = _folder,
            Restoration = Settings,
            NoiseSeeds = [.. seeds.Select(seed => seed.ToString("x16", CultureInfo.InvariantCulture))],
            ImageSize = new(h.InputShape.Width, h.InputShape.Height),
            Sigma = sigma.Value,
            Evaluations = evaluations,
            DataResidual = Consistency.Residual(measurement, samples[0].To(device)),
            NoiseVariance = sigma.Value * sigma.Value,
            Notes = NoteOn(sigma.Value) is { } note ? [note] : null,
            Started = started.ToString("s", CultureInfo.InvariantCulture) + "Z",
            Seconds = Stopwatch.GetElapsedTime(clock).TotalSeconds,
            ModelSeconds = modelSeconds,
            Versions = Versions.Current,
        };
        return OutputSet.Write(Receipt.PathFor(output), set =>
        {
            SampleFiles.Write(set, output, samples, bits);
            return receipt with { Outputs = set.Files };
        });
    }

    /// <summary>Frees the model.</summary>
    public void Dispose() => _prior?.Dispose();

    private ForwardOperator Bind(ref Tensor y, Device device)
    {
        (long Height, long Width)? size = Settings.Size is { } stated ? (stated.Height, stated.Width) : null;
        ImageShape shape;
        try
        {
            shape = Operator.InputShape(y.Shape.ToArray(), size, _files);
        }
        catch (OperatorException) when (y.Rank == 2)
        {
            // An array of rows and columns is a grey picture where the operator measures pictures.
            y = y.Unsqueeze(0);
            shape = Operator.InputShape(y.Shape.ToArray(), size, _files);
        }
        if (Operator.LargestFit(shape) is var fit && fit != shape)
            throw new OperatorException(string.Create(CultureInfo.InvariantCulture, $"operator '{Operator}' takes no images of {shape.Width}x{shape.Height} (the largest inside is {fit.Width}x{fit.Height}; degrade crops to it, restore does not)"));
        return Operator.Bind(shape, _files, DType.Float32, device);
    }

    private string? NoteOn(double sigma) => Solver.HandlesNoise || sigma == 0
        ? null
        : string.Create(CultureInfo.InvariantCulture, $"solver '{Solver.Name}' takes the noise (sigma {sigma:0.####}) for a part of the image; those that account for it: {string.Join(", ", SolverCatalog.All.Where(entry => entry.Default.HandlesNoise).Select(entry => entry.Name))}");

    private double Estimate(Tensor y)
    {
        try
        {
            return NoiseEstimate.Of(y);
        }
        catch (ArgumentException error)
        {
            throw new MeasurementException($"operator '{Operator}': {error.Message}; state the noise level (--sigma)");
        }
    }

    private ReceiptFile? OperatorFile() => OperatorFiles.NamedBy(Operator) is { } file ? ReceiptFile.Of(_files.FullPath(file)) : null;

    private string Hash(string content, ReceiptFile? operatorFile, string output) => FileHash.OfText(string.Create(
        CultureInfo.InvariantCulture,
        $"restore {content} {_modelHash.Value} {operatorFile?.Sha256} {Path.GetExtension(output)} {JsonSerializer.Serialize(Settings with { Prior = Settings.Prior with { Model = "", Device = "" } }, ReceiptJson.Default.RestorationSettings)}"));

    private sealed class Relay(Action<SolverStep> report) : IProgress<SolverStep>
    {
        public void Report(SolverStep value) => report(value);
    }
}

/// <summary>A report of a restoration's progress.</summary>
/// <param name="Sample">The sample in work, from 0.</param>
/// <param name="Samples">The number of samples.</param>
/// <param name="Step">The step, from 0.</param>
/// <param name="Steps">The number of steps of a sample.</param>
public readonly record struct RestorationStep(int Sample, int Samples, int Step, int Steps);
