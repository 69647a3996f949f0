using System.Globalization;
using Posterior.Evaluation.Calibration;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Makes again what a receipt tells of, and compares.</summary>
public static class Rerun
{
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
        foreach (var file in new[] { receipt.Input, receipt.Model, receipt.Guide, receipt.Classifier, receipt.OperatorFile }.OfType<ReceiptFile>())
        {
            if (FileHash.Of(file.Path) is var found && found != file.Sha256)
                throw new ImageException($"'{file.Path}' has changed since the receipt was written: expected SHA-256 {file.Sha256[..Math.Min(12, file.Sha256.Length)]}..., found {found[..12]}...");
        }
        var output = Path.Combine(folder, Path.GetFileName(receipt.Outputs[0].Path));
        switch (receipt)
        {
            case { Kind: "restore", Restoration: { } settings, Input: { } input, Model: { } model }:
                using (var job = new RestorationJob(settings with { Prior = Named(settings.Prior, model) }, receipt.Folder))
                {
                    return job.Run(input.Path, output, progress is null ? null : new Share(progress), cancellation);
                }
            case { Kind: "degrade", Degradation: { } settings, Input: { } input }:
                return new DegradationJob(settings, receipt.Folder).Run(input.Path, output);
            case { Kind: "sample", Sampling: { } settings, Model: { } model }:
                return new SamplingJob(settings with { Prior = Named(settings.Prior, model) }, receipt.Folder).Run(output, progress is null ? null : new Share(progress), cancellation);
            case { Kind: "calibrate", Calibration: { } settings, Model: { } model }:
                return new CalibrationJob(settings with { Prior = Named(settings.Prior, model) }, receipt.Folder).Run(output, progress, cancellation);
            default:
                throw new ImageException($"the receipt of kind '{receipt.Kind}' is incomplete");
        }

        // Names of models may mean other files by now.
        PriorSettings Named(PriorSettings prior, ReceiptFile model) => new PriorFiles(model.Path, receipt.Guide?.Path, receipt.Classifier?.Path).In(prior);
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

    private sealed class Share(IProgress<double> progress) : IProgress<RestorationStep>
    {
        public void Report(RestorationStep value) => progress.Report((value.Sample + (value.Step + 1.0) / value.Steps) / value.Samples);
    }
}
