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
        var sampler = Options.Text("--sampler", $"{string.Join(", ", SamplerCatalog.All.Select(entry => entry.Name))}; 'posterior samplers' tells more. [default: heun]", "NAME");
        var steps = Options.Number<int>("--steps", "Steps of the sampler. [default: the sampler's; 18 for heun]", "N");
        var schedule = Options.Text("--schedule", $"The noise levels: {string.Join(", ", ScheduleCatalog.All.Keys)}. [default: the sampler's]", "NAME");
        var respacing = Options.Text("--respacing", "Some times of a variance-preserving process, as 50, 10,15,20 or ddim25, in place of --steps.", "TIMES");
        var eta = Options.Number<double>("--eta", "The share of fresh noise of samplers that have one. [default: the sampler's; 0 for ddim]", "X");
        var churn = Options.Number<double>("--churn", "Noise added over all steps: S_churn. [default: the sampler's]", "X");
        var churnMin = Options.Number<double>("--churn-min", "The least noise level at which it is added, for images in [-1, 1]. [default: the sampler's]", "X");
        var churnMax = Options.Number<double>("--churn-max", "The highest noise level at which it is added, for images in [-1, 1]. [default: the sampler's]", "X");
        var churnNoise = Options.Number<double>("--churn-noise", "Its standard deviation, relative: S_noise. [default: the sampler's]", "X");
        var count = Options.Number<int>("--count", "The number of images.", "N", 16);
        var size = Options.Text("--size", "The size of an image. [default: the model's, else 64x64]", "WxH");
        var command = new Command("sample", "Draws images from a prior alone, of a class or of all.") { output, sampler, steps, schedule, respacing, eta, churn, churnMin, churnMax, churnNoise, count, size, seed, json };
        var prior = new PriorOptions(command);
        command.SetAction(parsed =>
        {
            var settings = new SamplingSettings
            {
                Prior = prior.Read(parsed),
                Sampler = parsed.GetValue(sampler) ?? "heun",
                SamplerSettings = new SamplerSettings
                {
                    Steps = parsed.GetValue(steps),
                    Schedule = parsed.GetValue(schedule),
                    Respacing = parsed.GetValue(respacing),
                    Eta = parsed.GetValue(eta),
                    Churn = parsed.GetValue(churn),
                    ChurnMin = parsed.GetValue(churnMin),
                    ChurnMax = parsed.GetValue(churnMax),
                    ChurnNoise = parsed.GetValue(churnNoise),
                },
                Count = parsed.GetValue(count) ?? 16,
                Size = parsed.GetValue(size) is { } text ? ImageSize.Parse(text) : null,
                Seed = parsed.GetValue(seed) ?? 0,
            };
            var path = parsed.GetRequiredValue(output);
            var job = new SamplingJob(settings, Environment.CurrentDirectory);
            RestorationJob.CheckOutput(path, null);
            OutputSet.CheckWritable(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var receipt = ProgressView.Run("sampling", 1, view => job.Run(path, new Reporter<RestorationStep>(step => view.Report(step.Done)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(receipt, ReceiptJson.Default.Receipt);
            else Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{Terminal.OneLine(path)}  {settings.Count} images of {receipt.ImageSize}  {receipt.Evaluations} evaluations  {receipt.Seconds:0.0} s"));
            return 0;
        });
        return command;
    }
}
