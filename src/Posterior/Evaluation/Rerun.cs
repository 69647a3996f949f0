using System.Globalization;
using Posterior.Evaluation.Calibration;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Makes again what a receipt tells of, and compares.</summary>
public static class Rerun
{
    /// <summary>Makes the outputs of a receipt again and compares them with the files; where a file is missing, the new one takes its place and the receipt is written again.</summary>
    /// <param name="path">The receipt. Files that it names are looked for beside it first, by their names, then where they were when it was written.</param>
    /// <param name="progress">Told the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between steps; nothing is written then.</param>
    /// <returns>The outputs in the receipt's order.</returns>
    /// <exception cref="ImageException">The receipt is incomplete, a file that it needs is missing or has changed since, or an output cannot be read or written.</exception>
    public static IReadOnlyList<RerunOutput> Compare(string path, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        var written = Receipt.Read(path);
        var receipt = Located(written, Path.GetDirectoryName(Path.GetFullPath(path))!);
        CheckOutputs(receipt);
        var folder = Workspace();
        try
        {
            var made = Run(receipt, folder.FullName, progress, cancellation);
            // What is missing first: a comparison may fail.
            var missing = receipt.Outputs.Select(output => output.Path).Where(output => !File.Exists(output)).ToHashSet(StringComparer.Ordinal);
            if (missing.Count > 0) Keep(path, missing, written, receipt, made);
            return [.. receipt.Outputs.Zip(made.Outputs, (old, file) => missing.Contains(old.Path) ? new RerunOutput(old.Path, null, file.Sha256 == old.Sha256, Changed: false, Kept: true) : Compared(old, file))];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static DirectoryInfo Workspace()
    {
        try
        {
            return Directory.CreateTempSubdirectory("posterior-rerun-");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"nothing can be written in the folder for temporary files, '{Path.GetTempPath()}' (TMPDIR names another)", error);
        }
    }

    /// <summary>Makes the outputs of a receipt again in a folder of their own.</summary>
    /// <param name="receipt">The receipt.</param>
    /// <param name="folder">An existing folder that receives the new outputs.</param>
    /// <param name="progress">Told the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <returns>The new receipt.</returns>
    /// <exception cref="ImageException">The receipt is incomplete, or a file of it is missing or has changed since.</exception>
    public static Receipt Run(Receipt receipt, string folder, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        if (receipt.Outputs.Count == 0) throw new ImageException("the receipt names no outputs");
        foreach (var file in new[] { receipt.Input, receipt.Model, receipt.Guide, receipt.Classifier, receipt.Architecture, receipt.OperatorFile }.OfType<ReceiptFile>())
        {
            if (FileHash.Of(file.Path) is var found && found != file.Sha256)
                throw new ImageException($"'{file.Path}' has changed since the receipt was written: expected SHA-256 {file.Sha256[..Math.Min(12, file.Sha256.Length)]}..., found {found[..12]}...");
        }
        var output = Path.Combine(folder, Path.GetFileName(receipt.Outputs[0].Path));
        var steps = progress is null ? null : new Reporter<RestorationStep>(step => progress.Report(step.Done));
        switch (receipt)
        {
            case { Kind: "restore", Restoration: { } settings, Input: { } input, Model: { } model }:
                using (var job = new RestorationJob(settings with { Prior = Named(settings.Prior, model) }, receipt.Folder))
                {
                    return job.Run(input.Path, output, steps, cancellation);
                }
            case { Kind: "degrade", Degradation: { } settings, Input: { } input }:
                return new DegradationJob(settings, receipt.Folder).Run(input.Path, output);
            case { Kind: "sample", Sampling: { } settings, Model: { } model }:
                return new SamplingJob(settings with { Prior = Named(settings.Prior, model) }, receipt.Folder).Run(output, steps, cancellation);
            case { Kind: "calibrate", Calibration: { } settings, Model: { } model }:
                return new CalibrationJob(settings with { Prior = Named(settings.Prior, model) }, receipt.Folder).Run(output, progress, cancellation);
            default:
                throw new ImageException($"the receipt of kind '{receipt.Kind}' is incomplete");
        }

        // Names of models may mean other files by now.
        PriorSettings Named(PriorSettings prior, ReceiptFile model) => new PriorFiles(model.Path, receipt.Guide?.Path, receipt.Classifier?.Path, receipt.Architecture?.Path).In(prior);
    }

    /// <summary>The largest difference of a value between two files of one kind, for images in [0, 1].</summary>
    /// <exception cref="ImageException">A file cannot be read, or the shapes differ.</exception>
    public static double LargestDifference(string one, string other)
    {
        using var scope = new Scope();
        var (a, b) = (MeasurementFile.Load(one, out _), MeasurementFile.Load(other, out _));
        return a.Shape.SequenceEqual(b.Shape)
            ? (a - b).Abs().Max().Item()
            : throw new ImageException(string.Create(CultureInfo.InvariantCulture, $"'{one}' has the shape {string.Join('x', a.Shape.ToArray())}, made again it is {string.Join('x', b.Shape.ToArray())}"));
    }

    // The receipt with its files where they are now: a folder may have been moved or copied with all that is in it.
    private static Receipt Located(Receipt receipt, string folder)
    {
        var operatorFile = Found(receipt.OperatorFile);
        var text = receipt.Restoration?.Operator ?? receipt.Degradation?.Operator ?? receipt.Calibration?.Operator;
        var moved = operatorFile is not null && text is not null && OperatorCatalog.Parse(text).NamedFile is { } old && new OperatorFiles(receipt.Folder).FullPath(old) != operatorFile.Path;
        var names = receipt.Outputs.Select(output => Beside(output.Path)).ToArray();
        // Outputs of one receipt lie in one folder; where none is left, they belong beside the receipt.
        var isBeside = names.Any(File.Exists) || !receipt.Outputs.Any(output => File.Exists(output.Path));
        return receipt with
        {
            Input = Found(receipt.Input),
            Model = Found(receipt.Model),
            Guide = Found(receipt.Guide),
            Classifier = Found(receipt.Classifier),
            Architecture = Found(receipt.Architecture),
            OperatorFile = operatorFile,
            Folder = moved ? Path.GetDirectoryName(operatorFile!.Path)! : receipt.Folder,
            Outputs = isBeside ? [.. receipt.Outputs.Zip(names, (output, name) => output with { Path = name })] : receipt.Outputs,
            Restoration = receipt.Restoration is { } restoration ? restoration with { Operator = Named(restoration.Operator) } : null,
            Degradation = receipt.Degradation is { } degradation ? degradation with { Operator = Named(degradation.Operator) } : null,
            Calibration = receipt.Calibration is { } calibration ? calibration with { Operator = Named(calibration.Operator), Data = Data(calibration.Data) } : null,
        };

        string Beside(string path) => Path.Combine(folder, Path.GetFileName(path));

        ReceiptFile? Found(ReceiptFile? file)
        {
            if (file is null) return null;
            var there = new[] { Beside(file.Path), file.Path }.Distinct().Where(File.Exists).ToArray();
            return file with { Path = there.Length < 2 ? there.FirstOrDefault(file.Path) : there.FirstOrDefault(place => Holds(place, file.Sha256), there[0]) };
        }

        // By the name alone: in text forms commas separate options, and a folder may have them in its name.
        string Named(string definition) => moved ? OperatorCatalog.Parse(definition).WithFile(Path.GetFileName(operatorFile!.Path)).Text : definition;

        // Many images, and no hash that would decide: the old place counts first.
        string Data(string data) => new[] { Path.Combine(receipt.Folder, data), Path.Combine(folder, data), Beside(Path.TrimEndingDirectorySeparator(data)) }.FirstOrDefault(Path.Exists, data);
    }

    private static bool Holds(string path, string sha256)
    {
        try
        {
            return FileHash.Of(path) == sha256;
        }
        catch (ImageException)
        {
            return false;
        }
    }

    // Before any long work: a file to compare with can be read, and one that is missing can be written.
    private static void CheckOutputs(Receipt receipt)
    {
        foreach (var output in receipt.Outputs)
        {
            if (!File.Exists(output.Path))
            {
                OutputSet.CheckWritable(Path.GetDirectoryName(output.Path)!);
            }
            else if (FileHash.Of(output.Path) != output.Sha256)
            {
                using var scope = new Scope();
                MeasurementFile.Load(output.Path, out _);
            }
        }
    }

    private static RerunOutput Compared(ReceiptFile old, ReceiptFile made)
    {
        var found = FileHash.Of(old.Path);
        return new(old.Path, LargestDifference(old.Path, made.Path), found == made.Sha256, found != old.Sha256, Kept: false);
    }

    // Settings and contents are those of the old receipt, and so is their hash, whatever files are called now.
    private static void Keep(string path, HashSet<string> missing, Receipt written, Receipt receipt, Receipt made) => OutputSet.Write(Path.GetFullPath(path), set =>
    {
        foreach (var (old, file) in receipt.Outputs.Zip(made.Outputs))
        {
            if (missing.Contains(old.Path)) set.Add(old.Path, file.Role ?? "", copy => File.Copy(file.Path, copy));
        }
        return made with
        {
            Hash = written.Hash,
            Outputs = [.. receipt.Outputs.Select(old => set.Files.FirstOrDefault(file => file.Path == old.Path, old))],
            Restoration = written.Restoration,
            Degradation = written.Degradation,
            Sampling = written.Sampling,
            Calibration = written.Calibration,
        };
    });
}
