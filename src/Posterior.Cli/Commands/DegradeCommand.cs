using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Imaging;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior degrade</c>: makes measurements of images.</summary>
internal static class DegradeCommand
{
    public static Command Create()
    {
        var inputs = new Argument<string[]>("IN") { Description = "Images, folders or globs.", Arity = ArgumentArity.OneOrMore };
        var (op, output, seed, bits, json, force, threads) =
            (Options.Operator(), Options.Output("The measurement: an image or .npy; a folder for several."), Options.Seed(), Options.Bits(), Options.Json(), Options.Force(), Options.Threads());
        var sigma = Options.Text("--sigma", "The noise level for images in [0, 1], as 0.05 or 25/255. [default: 0]", "S");
        var command = new Command("degrade", "Measures images: applies an operator and adds noise. PNG gets 16 bits; values outside [0, 1] survive in .tif (float) and .npy only.")
        {
            inputs, op, sigma, output, seed, bits, json, force, threads,
        };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            var settings = new DegradationSettings
            {
                Operator = parsed.GetRequiredValue(op),
                Sigma = RestorationSettings.ParseSigma(parsed.GetValue(sigma) ?? "0") ?? throw new ArgumentException("degrade: --sigma auto makes no sense, state the noise level"),
                Seed = parsed.GetValue(seed) ?? 0,
                Bits = parsed.GetValue(bits),
            };
            var job = new DegradationJob(settings, Environment.CurrentDirectory);
            var plan = BatchPlan.Of(parsed.GetRequiredValue(inputs), parsed.GetRequiredValue(output), ImageFile.HasImageExtension,
                extension => !job.MakesPictures ? ".npy" : extension is ".tif" or ".tiff" ? extension : ".png");
            BatchPlan.Check(plan.Items, DegradationJob.FilesOf, job.Reads);
            foreach (var item in plan.Items) BitDepth.For(item.Output, settings.Bits, 32);
            return Batch.Run(plan, "degrading", parsed.GetValue(json), item => parsed.GetValue(force) ? null : job.Finished(item.Input, item.Output), (item, _) => job.Run(item.Input, item.Output), Describe);
        });
        return command;
    }

    private static string Describe(Receipt receipt)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{Terminal.OneLine(receipt.Outputs[0].Path)}  image {receipt.ImageSize}  {Terminal.OneLine(receipt.Degradation!.Operator)}  sigma {receipt.Sigma:0.####}");
        if (receipt.Cropped is { } whole) line += $"  cropped from {whole}";
        if (receipt.Clipped > 0) line += string.Create(CultureInfo.InvariantCulture, $"  {100 * receipt.Clipped:0.####}% of the values clipped to [0, 1] (.tif and .npy keep them)");
        return line;
    }
}
