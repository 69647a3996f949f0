using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Calibration;

/// <summary>
/// Tests whether a solver's samples are as far apart as they are wrong: originals are measured with noise of a known level, K samples are drawn for each measurement, and the originals
/// are sought among them. It writes a picture and a receipt that holds the numbers.
/// </summary>
public sealed class CalibrationJob
{
    // Samples of one network evaluation: enough to keep small networks busy.
    private const long BatchPixels = 64 * 64 * 16;
    private const int MostBatch = 64;

    private readonly CalibrationSettings _settings;
    private readonly PriorFiles _priorFiles;
    private readonly OperatorFiles _files;
    private readonly string _folder;
    private readonly OperatorSpec _operator;

    /// <summary>Checks everything that can be checked without an image, and does no long work.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="folder">Where relative paths in them start.</param>
    /// <exception cref="OperatorException">The operator's text form is wrong.</exception>
    /// <exception cref="SolverOptionsException">The solver is unknown, or one of its settings is out of range.</exception>
    /// <exception cref="Models.ModelException">There is no such model or device.</exception>
    /// <exception cref="MeasurementException">A number is out of range.</exception>
    public CalibrationJob(CalibrationSettings settings, string folder)
    {
        (_settings, _folder, _files) = (settings, folder, new OperatorFiles(folder));
        _operator = OperatorCatalog.Parse(settings.Operator);
        Solver = SolverCatalog.Create(settings.Solver, settings.SolverSettings);
        Check("samples", settings.Samples, 3, 1000);
        Check("images", settings.Images, 1, 100_000);
        Check("shrink", settings.Shrink, 1, 64);
        _ = new UnitSigma(settings.Sigma);
        _priorFiles = PriorFiles.Find(settings.Prior);

        static void Check(string name, int value, int low, int high)
        {
            if (value < low || value > high) throw new MeasurementException(string.Create(CultureInfo.InvariantCulture, $"{name} is {value}, expected {low} to {high}"));
        }
    }

    /// <summary>The solver.</summary>
    public Solver Solver { get; }

    /// <summary>The files that are read: images, and those of the operator and of the model.</summary>
    public IEnumerable<string> Reads => BatchPlan.FilesOf(Path.Combine(_folder, _settings.Data))
        .Concat(new[] { _operator.NamedFile is { } file ? _files.FullPath(file) : null, _priorFiles.Model, _priorFiles.Guide, _priorFiles.Classifier, _priorFiles.Architecture }.OfType<string>());

    /// <summary>Draws and compares.</summary>
    /// <param name="output">The picture.</param>
    /// <param name="progress">Told the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between steps; nothing is written then.</param>
    /// <returns>The receipt, with the numbers.</returns>
    /// <exception cref="ImageException">A file cannot be read or written, or an image is smaller than the size asked for.</exception>
    /// <exception cref="OperatorException">The operator does not fit the images.</exception>
    /// <exception cref="UnsupportedOperatorException">The solver needs more than the operator has.</exception>
    /// <exception cref="MeasurementException">Samples are not finite.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public Receipt Run(string output, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var started = DateTime.UtcNow;
        RestorationJob.CheckOutput(output, null);
        using var images = ImageSource.Open(Path.Combine(_folder, _settings.Data));
        var indices = Enumerable.Range(0, Math.Min(_settings.Images, images.Count)).Select(i => (int)((long)i * images.Count / Math.Min(_settings.Images, images.Count))).ToArray();
        // Before the model is loaded, the first image tells whether operator, size and solver fit.
        using (var first = Bind(Original(images, indices[0], ChannelsOfModel()))) RequireAccepted(first);

        var loading = Stopwatch.GetTimestamp();
        using var prior = Prior.Load(_priorFiles.In(_settings.Prior));
        var modelSeconds = Stopwatch.GetElapsedTime(loading).TotalSeconds;
        var clock = Stopwatch.GetTimestamp();
        var tally = new CalibrationTally(_settings.Samples, _settings.Seed);
        var (contents, evaluations, size) = (new List<string>(), 0, default(ImageSize));
        for (var i = 0; i < indices.Length; i++)
        {
            using var inner = new Scope();
            var original = Original(images, indices[i], prior.Channels ?? 3);
            var content = FileHash.OfBytes(images.Read(indices[i]));
            contents.Add(content);
            size = new(original.Size(3), original.Size(2));
            var done = i;
            var (samples, count) = Draw(original, content, prior, new Reporter<double>(share => progress?.Report((done + share) / indices.Length)), cancellation);
            if (!samples.IsFinite().All()) throw new MeasurementException($"samples of '{images.Name(indices[i])}' are not finite: the prior or the solver's settings do not suit the measurement");
            evaluations += count;
            tally.Add(original, ValueRange.ToUnit(samples));
        }
        var report = tally.Report();
        var operatorFile = _operator.NamedFile is { } file ? ReceiptFile.Of(_files.FullPath(file)) : null;
        var receipt = new Receipt
        {
            Kind = "calibrate",
            Hash = FileHash.OfText($"calibrate {Solver} {_priorFiles.Hash()} {operatorFile?.Sha256} {string.Join(' ', contents)} {JsonSerializer.Serialize(_settings with { Prior = _settings.Prior.Anonymous }, ReceiptJson.Default.CalibrationSettings)}"),
            Model = new(_priorFiles.Model, prior.Model.Sha256),
            Guide = _priorFiles.Guide is { } guide ? ReceiptFile.Of(guide) : null,
            Classifier = _priorFiles.Classifier is { } classifier ? ReceiptFile.Of(classifier) : null,
            Architecture = _priorFiles.Architecture is { } architecture ? ReceiptFile.Of(architecture) : null,
            OperatorFile = operatorFile,
            Folder = _folder,
            Calibration = _settings,
            SolverSettings = SolverCatalog.Find(_settings.Solver).Complete(_settings.SolverSettings),
            PriorSchedule = (prior.Model.Predictor as Denoiser)?.Schedule.ToString(),
            CalibrationReport = report,
            ImageSize = size,
            Sigma = _settings.Sigma,
            NoiseVariance = _settings.Sigma * _settings.Sigma,
            Evaluations = evaluations * _settings.Prior.Networks,
            Started = started.ToString("s", CultureInfo.InvariantCulture) + "Z",
            Seconds = Stopwatch.GetElapsedTime(clock).TotalSeconds,
            ModelSeconds = modelSeconds,
            Versions = Versions.Current,
        };
        cancellation.ThrowIfCancellationRequested();
        return OutputSet.Write(Receipt.PathFor(output), set =>
        {
            set.Add(output, "calibration", file => ImageFile.Save(file, CalibrationPicture.Render(report)));
            return receipt with { Outputs = set.Files };
        });
    }

    private long ChannelsOfModel()
    {
        var architecture = _priorFiles.Architecture is { } file ? Models.ModelOptions.ReadArchitecture(file) : null;
        return Models.Model.Identify(_priorFiles.Model, new Models.ModelOptions { Architecture = architecture }).Card.Channels ?? 3;
    }

    // An original in [0, 1], reduced and cropped to its centre, as large as the operator takes it.
    private Tensor Original(ImageSource images, int index, long channels)
    {
        var whole = Crop.Reduced(images.LoadUnit(index), images.Name(index), _settings.Shrink, _settings.Size is { } asked ? (asked.Height, asked.Width) : null);
        var (height, width) = _settings.Size is { } size ? (size.Height, size.Width) : (whole.Size(2), whole.Size(3));
        var colour = channels == 3 ? Colour.ToColour(whole) : Colour.ToGrey(whole);
        var shape = _operator.LargestFit(new(channels, height, width));
        return Crop.Centre(colour, shape.Height, shape.Width);
    }

    private ForwardOperator Bind(Tensor original)
    {
        var (shape, device) = (ImageShape.Of(original), _settings.Prior.ParseDevice());
        WorkingMemory.Check(shape, WorkingMemory.Solver + _settings.Samples, device);
        return _operator.Bind(shape, _files, DType.Float32, device);
    }

    private void RequireAccepted(ForwardOperator h)
    {
        if (!Solver.Accepts(h)) throw new UnsupportedOperatorException(Solver, h);
    }

    private (Tensor Samples, int Evaluations) Draw(Tensor original, string content, Prior prior, IProgress<double> progress, CancellationToken cancellation)
    {
        using var scope = new Scope();
        using var h = Bind(original);
        RequireAccepted(h);
        var sigma = new UnitSigma(_settings.Sigma).Signed;
        var noise = new SeededNoise(ImageSeed.Of("calibrate-noise", _settings.Seed, content, 0));
        var y = Measurement<ForwardOperator>.Simulate(h, ValueRange.ToSigned(original).To(prior.Device), sigma, noise).Data;
        var seeds = Enumerable.Range(0, _settings.Samples).Select(sample => ImageSeed.Of("calibrate", _settings.Seed, content, sample)).ToArray();
        var batch = (int)Math.Clamp(BatchPixels / (original.Size(2) * original.Size(3)), 1, MostBatch);
        var (samples, evaluations) = (new List<Tensor>(), 0);
        foreach (var chunk in seeds.Chunk(batch))
        {
            using var inner = new Scope();
            var (before, part) = (samples.Count * (double)batch / seeds.Length, chunk.Length / (double)seeds.Length);
            var data = y.Repeat([chunk.Length, .. Enumerable.Repeat(1L, h.OutputShape.Count)]);
            var steps = new Reporter<SolverStep>(step => progress.Report(Math.Min(1, before + part * (step.Index + 1) / step.Count)));
            var restoration = Solver.RestoreAny(new Measurement<ForwardOperator>(data, h, sigma), prior.PredictorFor(original.Size(1)), new SeededNoise(chunk), steps, cancellation);
            evaluations += restoration.Evaluations * chunk.Length;
            samples.Add(inner.Keep(restoration.Estimate.To(Device.Cpu)));
        }
        return (scope.Keep(Tensor.Cat([.. samples])), evaluations);
    }
}
