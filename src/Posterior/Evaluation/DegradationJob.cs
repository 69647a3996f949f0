using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Makes measurements of images: applies an operator, adds noise, writes a file and its receipt.</summary>
public sealed class DegradationJob
{
    // Raised whenever the same settings give another measurement than before: older ones are made again.
    private const int Revision = 1;

    private readonly DegradationSettings _settings;
    private readonly OperatorFiles _files;
    private readonly string _folder;

    /// <summary>Checks the settings.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="folder">Where relative paths in them start.</param>
    /// <exception cref="OperatorException">The operator's text form is wrong.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The noise level is.</exception>
    public DegradationJob(DegradationSettings settings, string folder)
    {
        (_settings, _folder, _files) = (settings, folder, new OperatorFiles(folder));
        _ = new UnitSigma(settings.Sigma);
        Operator = OperatorCatalog.Parse(settings.Operator);
    }

    /// <summary>The operator.</summary>
    public OperatorSpec Operator { get; }

    /// <summary>Whether measurements are pictures; others need <c>.npy</c>.</summary>
    public bool MakesPictures => Operator.MakesPictures;

    /// <summary>The files that a degradation writes: the measurement and the receipt.</summary>
    /// <param name="output">The name of the measurement.</param>
    public static IEnumerable<string> FilesOf(string output) => [output, Receipt.PathFor(output)];

    /// <summary>The files that every degradation reads: that of the operator.</summary>
    public IEnumerable<string> Reads => Operator.NamedFile is { } file ? [_files.FullPath(file)] : [];

    /// <summary>The receipt of finished work with these settings; null when there is work to do.</summary>
    /// <exception cref="ImageException">The input cannot be read.</exception>
    public Receipt? Finished(string input, string output) =>
        Receipt.TryRead(output) is { } receipt && receipt.Hash == Hash(FileHash.Of(input), OperatorFile(), BitDepth.For(output, _settings.Bits, 32)) && receipt.OutputsAreIntact(output) ? receipt : null;

    /// <summary>Degrades one image.</summary>
    /// <param name="input">The image.</param>
    /// <param name="output">The measurement: an image file where it is a picture, or <c>.npy</c>.</param>
    /// <exception cref="ImageException">A file cannot be read or written, or the image holds NaN or infinities.</exception>
    /// <exception cref="OperatorException">The operator does not fit the image, or its measurement is no picture.</exception>
    public Receipt Run(string input, string output)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var (clock, started) = (Stopwatch.GetTimestamp(), DateTime.UtcNow);
        Receipt.CheckReplaceable(output);
        var bits = BitDepth.For(output, _settings.Bits, 32);
        var (content, operatorFile) = (FileHash.Of(input), OperatorFile());
        var whole = FiniteValues.LoadImage(input);
        var shape = Operator.LargestFit(ImageShape.Of(whole));
        WorkingMemory.Check(shape, WorkingMemory.Plain);
        // Centred, so that what is lost is lost on all sides.
        var x = Crop.Centre(whole, shape.Height, shape.Width);
        using var h = Operator.Bind(shape, _files);
        if (!MeasurementFile.IsArray(output) && !h.MakesPictures)
            throw new OperatorException($"operator '{h.Name}': its measurements are {string.Join('x', h.OutputShape)} numbers and no picture, so the output must end in .npy");
        var seed = ImageSeed.Of("degrade", _settings.Seed, content, 0);
        var y = SimulatedData.Of(h, x, _settings.Sigma, new SeededNoise(seed));
        return OutputSet.Write(Receipt.PathFor(output), set =>
        {
            var clipped = 0.0;
            set.Add(output, "measurement", file => clipped = MeasurementFile.Save(file, y.Squeeze(0), bits));
            return new Receipt
            {
                Kind = "degrade",
                Hash = Hash(content, operatorFile, bits),
                Input = new(Path.GetFullPath(input), content),
                Outputs = set.Files,
                OperatorFile = operatorFile,
                Folder = _folder,
                Degradation = _settings,
                NoiseSeeds = _settings.Sigma > 0 ? [seed.ToString("x16", CultureInfo.InvariantCulture)] : [],
                ImageSize = new(shape.Width, shape.Height),
                Cropped = shape == ImageShape.Of(whole) ? null : new ImageSize(whole.Size(3), whole.Size(2)),
                Sigma = _settings.Sigma,
                NoiseVariance = _settings.Sigma * _settings.Sigma,
                Clipped = clipped,
                Started = started.ToString("s", CultureInfo.InvariantCulture) + "Z",
                Seconds = Stopwatch.GetElapsedTime(clock).TotalSeconds,
                Versions = Versions.Current,
            };
        });
    }

    private ReceiptFile? OperatorFile() => Operator.NamedFile is { } file ? ReceiptFile.Of(_files.FullPath(file)) : null;

    private string Hash(string content, ReceiptFile? operatorFile, int bits) => FileHash.OfText(string.Create(
        CultureInfo.InvariantCulture, $"degrade {Revision} {content} {operatorFile?.Sha256} {bits} {JsonSerializer.Serialize(_settings, ReceiptJson.Default.DegradationSettings)}"));
}
