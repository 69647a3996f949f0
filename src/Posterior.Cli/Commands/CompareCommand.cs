using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Torch;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior compare</c>: PSNR and SSIM.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var a = new Argument<string>("A") { Description = "An image, a folder of images or a glob." };
        var b = new Argument<string>("B") { Description = "The true image, or a folder or glob of true images with the same names." };
        var json = Options.Json();
        var command = new Command("compare", "Prints PSNR (dB, RGB) and SSIM (Wang et al. 2004) of images against the truth.") { a, b, json };
        command.SetAction(parsed =>
        {
            var plan = ComparisonPlan.Of(parsed.GetRequiredValue(a), parsed.GetRequiredValue(b));
            var result = ProgressView.Run("comparing", Math.Max(1, plan.Pairs.Count), view => Compare(plan, view));
            if (parsed.GetValue(json)) Terminal.Json(result, ResultJson.Default.ComparisonResult);
            else Print(result);
            foreach (var failure in result.Failures) Terminal.Problem($"{failure.Input}: {failure.Message}");
            return result.Failures.Count > 0 ? 1 : 0;
        });
        return command;
    }

    private static ComparisonResult Compare(ComparisonPlan plan, ProgressView view)
    {
        var images = new List<ImageComparison>();
        var failures = plan.Unpaired.Select(image => new BatchFailure(image.Path, image.Reason)).ToList();
        for (var i = 0; i < plan.Pairs.Count; i++)
        {
            Interrupts.Token.ThrowIfCancellationRequested();
            var (estimate, truth, name) = plan.Pairs[i];
            try
            {
                images.Add(ImageComparison.Of(estimate, truth, name));
            }
            // Without the native bridge every file fails alike.
            catch (Exception error) when (plan.IsBatch && error is not (OperationCanceledException or BridgeException or TypeInitializationException))
            {
                failures.Add(new(estimate, Terminal.Message(error)));
            }
            view.Report(i + 1);
        }
        var known = images.Where(image => image.Ssim is not null).ToArray();
        return new(images, images.Count == 0 ? (double?)null : images.Average(image => image.Psnr), known.Length == 0 ? null : known.Average(image => image.Ssim), failures);
    }

    private static void Print(ComparisonResult result)
    {
        var rows = result.Images.Select(image => (string[])[image.Name, Decibel(image.Psnr), Similarity(image.Ssim)]).ToList();
        if (rows.Count > 1 && result.MeanPsnr is { } mean) rows.Add(["mean", Decibel(mean), Similarity(result.MeanSsim)]);
        if (rows.Count > 0) Terminal.Table(["image", "PSNR", "SSIM"], rows);
        if (result.Failures.Count > 0) Terminal.Line($"{result.Images.Count} compared, {result.Failures.Count} failed, of {result.Images.Count + result.Failures.Count}");
    }

    private static string Decibel(double value) => double.IsPositiveInfinity(value) ? "inf" : value.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Similarity(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-";
}
