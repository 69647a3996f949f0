using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior compare</c>: PSNR and SSIM.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var (a, b) = (new Argument<string>("A") { Description = "An image, or a folder of images." }, new Argument<string>("B") { Description = "The true image, or a folder of true images with the same names." });
        var json = Options.Json();
        var command = new Command("compare", "Prints PSNR (dB, RGB) and SSIM (Wang et al. 2004) of images against the truth.") { a, b, json };
        command.SetAction(parsed =>
        {
            var pairs = ImageComparison.Pairs(parsed.GetRequiredValue(a), parsed.GetRequiredValue(b));
            var images = ProgressView.Run("comparing", pairs.Count, view =>
            {
                var list = new List<ImageComparison>();
                foreach (var (estimate, truth, name) in pairs)
                {
                    Interrupts.Token.ThrowIfCancellationRequested();
                    list.Add(ImageComparison.Of(estimate, truth, name));
                    view.Report(list.Count);
                }
                return list;
            });
            var known = images.Where(image => image.Ssim is not null).ToArray();
            var result = new ComparisonResult(images, images.Average(image => image.Psnr), known.Length == 0 ? null : known.Average(image => image.Ssim));
            if (parsed.GetValue(json)) Terminal.Json(result, ResultJson.Default.ComparisonResult);
            else Print(result);
            return 0;
        });
        return command;
    }

    private static void Print(ComparisonResult result)
    {
        var rows = result.Images.Select(image => (string[])[image.Name, Decibel(image.Psnr), Similarity(image.Ssim)]).ToList();
        if (rows.Count > 1) rows.Add(["mean", Decibel(result.MeanPsnr), Similarity(result.MeanSsim)]);
        Terminal.Table(["image", "PSNR", "SSIM"], rows);
    }

    private static string Decibel(double value) => double.IsPositiveInfinity(value) ? "inf" : value.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Similarity(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-";
}
