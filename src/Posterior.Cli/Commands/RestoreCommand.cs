using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior restore</c>: restores images from measurements.</summary>
internal static class RestoreCommand
{
    public static Command Create()
    {
        var json = Options.Json();
        var command = new Command("restore", "Restores images from measurements with a diffusion model as prior.");
        var options = new RestorationOptions(command);
        command.Add(json);
        command.SetAction(parsed =>
        {
            var settings = options.Read(parsed);
            using var job = new RestorationJob(settings, Environment.CurrentDirectory);
            var plan = options.Files(parsed);
            BatchPlan.Check(plan.Items, job.FilesOf, job.Reads);
            foreach (var item in plan.Items) RestorationJob.CheckOutput(item.Output, settings.Bits);
            foreach (var remark in job.Remarks) Terminal.Note(remark);
            return Batch.Run(
                plan, "restoring", parsed.GetValue(json),
                item => options.Force(parsed) ? null : job.Finished(item.Input, item.Output),
                (item, report) => job.Run(item.Input, item.Output, new Reporter<RestorationStep>(step => report(step.Done)), Interrupts.Token),
                Describe);
        });
        return command;
    }

    private static string Describe(Receipt receipt)
    {
        List<string> lines =
        [
            Text($"{Terminal.OneLine(receipt.Outputs[0].Path)}  image {receipt.ImageSize}  {receipt.Evaluations} evaluations  {receipt.Seconds:0.0} s  sigma {receipt.Sigma:0.####}  residual {receipt.DataResidual:0.######} (sigma^2 {receipt.NoiseVariance:0.######})"),
        ];
        if (receipt.SampleResiduals is { } residuals) lines.Add(Text($"  residual of each sample {string.Join(", ", residuals.Select(one => Text($"{one:0.######}")))}; of their mean {receipt.MeanResidual:0.######}"));
        if (receipt.ComponentDeviations is { Count: > 0 } deviations) lines.Add(Text($"  standard deviation along each principal direction {string.Join(", ", deviations.Select(one => Text($"{one:0.####}")))}"));
        if (receipt.OutOfDistribution is { } warning) lines.Add($"  warning: {Terminal.OneLine(warning)}");
        if (receipt.Verdict is { } verdict) lines.Add($"  {verdict.Sentence}");
        if (receipt.TruthMap is { } map) lines.Add(Text($"  the measurement fixes {map.Evidence:0.####} (RMS from middle grey), the prior supplied {map.Invention:0.####}"));
        return string.Join(Environment.NewLine, lines);

        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }
}
