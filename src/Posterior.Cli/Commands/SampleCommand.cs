using System.CommandLine;
using System.Globalization;
using Posterior.Diffusion;
using Posterior.Evaluation;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior sample</c>: draws images from a prior.</summary>
internal static class SampleCommand
{
    public static Command Create()
    {
        var (output, seed, json) = (Options.Output("The picture: a grid of the images."), Options.Seed(), Options.Json());
        var sampler = Options.Text("--sampler", $"{string.Join(", ", SamplerCatalog.All.Select(entry => entry.Name))}. [default: heun]", "NAME");
        var steps = Options.Number<int>("--steps", "Steps of the sampler.", "N", 18);
        var count = Options.Number<int>("--count", "The number of images.", "N", 16);
        var size = Options.Text("--size", "The size of an image. [default: the model's, else 64x64]", "WxH");
        var guidance = Options.Number<double>("--guidance", "Classifier-free guidance: above 1 exaggerates the class.", "G", 1);
        var command = new Command("sample", "Draws images from a prior alone, of a class or of all.") { output, sampler, steps, count, size, guidance, seed, json };
        var prior = new PriorOptions(command);
        command.SetAction(parsed =>
        {
            var settings = new SamplingSettings
            {
                Prior = prior.Read(parsed),
                Sampler = parsed.GetValue(sampler) ?? "heun",
                Steps = parsed.GetValue(steps) ?? 18,
                Count = parsed.GetValue(count) ?? 16,
                Size = parsed.GetValue(size) is { } text ? ImageSize.Parse(text) : null,
                Guidance = parsed.GetValue(guidance) ?? 1,
                Seed = parsed.GetValue(seed) ?? 0,
            };
            var path = parsed.GetRequiredValue(output);
            var job = new SamplingJob(settings, Environment.CurrentDirectory);
            RestorationJob.CheckOutput(path, null);
            OutputSet.CheckWritable(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var receipt = ProgressView.Run("sampling", 1, view => job.Run(path, new Reporter<RestorationStep>(step => view.Report((step.Sample + (step.Step + 1.0) / step.Steps) / step.Samples)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(receipt, ReceiptJson.Default.Receipt);
            else Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{path}  {settings.Count} images of {receipt.ImageSize}  {receipt.Evaluations} evaluations  {receipt.Seconds:0.0} s"));
            return 0;
        });
        return command;
    }
}
