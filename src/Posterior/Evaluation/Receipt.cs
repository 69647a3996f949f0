using System.Text.Json;
using Posterior.Evaluation.Calibration;
using Posterior.Imaging;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>
/// What made a file: settings, seeds, hashes, versions, times. It lies beside the output as <c>OUTPUT.json</c>, tells whether work is finished, and can be made again.
/// </summary>
public sealed record Receipt
{
    /// <summary>What was done: <c>restore</c>, <c>degrade</c>, <c>sample</c> or <c>calibrate</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The hash of everything that decides the result: two receipts of one hash have equal outputs on one machine.</summary>
    public required string Hash { get; init; }

    /// <summary>The input; null where there is none.</summary>
    public ReceiptFile? Input { get; init; }

    /// <summary>The outputs, the main one first.</summary>
    public IReadOnlyList<ReceiptFile> Outputs { get; init; } = [];

    /// <summary>The weight file; null where there is none.</summary>
    public ReceiptFile? Model { get; init; }

    /// <summary>The weaker model that guided; null for none.</summary>
    public ReceiptFile? Guide { get; init; }

    /// <summary>The classifier that guided; null for none.</summary>
    public ReceiptFile? Classifier { get; init; }

    /// <summary>The file that states the model's architecture; null for none.</summary>
    public ReceiptFile? Architecture { get; init; }

    /// <summary>The mask, kernel or matrix of the operator; null for none.</summary>
    public ReceiptFile? OperatorFile { get; init; }

    /// <summary>The folder that relative paths in settings start from.</summary>
    public string Folder { get; init; } = "";

    /// <summary>The settings of a restoration.</summary>
    public RestorationSettings? Restoration { get; init; }

    /// <summary>The value of every setting of the solver, also of those that were not given, but for presets and what follows from something else then; null where there is no solver.</summary>
    public SolverSettings? SolverSettings { get; init; }

    /// <summary>The prior's own noise levels, in words, of a restoration or calibration; null for models without.</summary>
    public string? PriorSchedule { get; init; }

    /// <summary>The settings of a degradation.</summary>
    public DegradationSettings? Degradation { get; init; }

    /// <summary>The settings of samples of a prior.</summary>
    public SamplingSettings? Sampling { get; init; }

    /// <summary>The settings of a calibration.</summary>
    public CalibrationSettings? Calibration { get; init; }

    /// <summary>The numbers of a calibration.</summary>
    public CalibrationReport? CalibrationReport { get; init; }

    /// <summary>The seed of each sample's noise, hexadecimal.</summary>
    public IReadOnlyList<string> NoiseSeeds { get; init; } = [];

    /// <summary>The size of the image.</summary>
    public ImageSize ImageSize { get; init; }

    /// <summary>The size of the input that was cropped, centred, to <see cref="ImageSize"/>; null when nothing was.</summary>
    public ImageSize? Cropped { get; init; }

    /// <summary>The noise level that was used, for images in [0, 1].</summary>
    public double? Sigma { get; init; }

    /// <summary>How often denoising networks were evaluated, over all samples; a guided evaluation asks two.</summary>
    public int? Evaluations { get; init; }

    /// <summary><c>norm(y - H x)^2 / m</c> over the m measured coordinates, for images in [0, 1]; about <see cref="NoiseVariance"/> for an estimate that explains the measurement as well as the truth does.</summary>
    public double? DataResidual { get; init; }

    /// <summary><see cref="DataResidual"/> of each of several samples; null for a single one.</summary>
    public IReadOnlyList<double>? SampleResiduals { get; init; }

    /// <summary><see cref="DataResidual"/> of the mean of several samples, which lies below theirs; null for a single one.</summary>
    public double? MeanResidual { get; init; }

    /// <summary>sigma squared.</summary>
    public double? NoiseVariance { get; init; }

    /// <summary>What a reader of the result should know, a line each; null for nothing.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>How the measurement differs from those that the model was trained on; null when it does not, or when the model is a prior.</summary>
    public string? OutOfDistribution { get; init; }

    /// <summary>The standard deviation along each principal direction, of the vector of all pixels in [0, 1]; null for methods that give none.</summary>
    public IReadOnlyList<double>? ComponentDeviations { get; init; }

    /// <summary>What the residual of the first sample says of noise level and operator.</summary>
    public ResidualVerdict? Verdict { get; init; }

    /// <summary>How much of the image the measurement fixes and the prior supplied; null unless asked for.</summary>
    public TruthEnergy? TruthMap { get; init; }

    /// <summary>The share of values that were limited to [0, 1] when written.</summary>
    public double? Clipped { get; init; }

    /// <summary>When the work began, ISO 8601 in UTC.</summary>
    public string Started { get; init; } = "";

    /// <summary>The time of the work in seconds, without loading the model.</summary>
    public double Seconds { get; init; }

    /// <summary>The time to load the model in seconds; 0 where it was in memory already.</summary>
    public double ModelSeconds { get; init; }

    /// <summary>The program and the libraries.</summary>
    public Versions? Versions { get; init; }

    /// <summary>The receipt's path for an output.</summary>
    public static string PathFor(string output) => output + ".json";

    /// <summary>Checks that what lies at the place of an output's receipt, if anything, is one: also one that is incomplete, or of another version.</summary>
    /// <exception cref="ImageException">It is something else, which would be lost.</exception>
    public static void CheckReplaceable(string output) => OwnJson.CheckReplaceable(PathFor(output), "no receipt", "kind", "outputs");

    /// <summary>Reads a receipt.</summary>
    /// <exception cref="ImageException">The file is missing or no receipt.</exception>
    public static Receipt Read(string path)
    {
        try
        {
            if (SpecialFile.MayBe(path)) throw new ImageException($"receipt '{path}' is empty or not a regular file");
            return StrictJson.Read(File.ReadAllText(path), ReceiptJson.Default.Receipt) ?? throw new ImageException($"'{path}' is no receipt: it holds null");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException($"receipt '{path}' does not exist", error);
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"'{path}' is no receipt that can be read: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    /// <summary>The receipt of an output; null when there is none that can be read.</summary>
    public static Receipt? TryRead(string output)
    {
        try
        {
            return File.Exists(PathFor(output)) ? Read(PathFor(output)) : null;
        }
        catch (ImageException)
        {
            return null;
        }
    }

    /// <summary>Whether all outputs, beside a file of theirs, still are what they were when this was written; the folder may have another name since.</summary>
    /// <param name="output">The output whose receipt this is.</param>
    public bool OutputsAreIntact(string output)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(output))!;
        return Outputs.Count > 0 && Outputs.All(known => Path.Combine(folder, Path.GetFileName(known.Path)) is var file && File.Exists(file) && !SpecialFile.MayBe(file) && FileHash.Of(file) == known.Sha256);
    }

    /// <summary>Writes the receipt.</summary>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        JsonSerializer.Serialize(stream, this, ReceiptJson.Default.Receipt);
        stream.WriteByte((byte)'\n');
    });
}

/// <summary>A file in a receipt.</summary>
/// <param name="Path">Its full path.</param>
/// <param name="Sha256">The hash of its bytes.</param>
public sealed record ReceiptFile(string Path, string Sha256)
{
    /// <summary>What the file is, for outputs: <c>estimate</c>, <c>sample</c>, <c>mean</c>, <c>std</c>, <c>sheet</c>, <c>truth-map</c>, <c>components</c>, <c>measurement</c>, <c>samples</c>, <c>calibration</c>.</summary>
    public string? Role { get; init; }

    /// <summary>A file as it is now.</summary>
    /// <exception cref="ImageException">It cannot be read.</exception>
    public static ReceiptFile Of(string path, string? role = null) => new(System.IO.Path.GetFullPath(path), FileHash.Of(path)) { Role = role };
}
