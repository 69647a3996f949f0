using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior plan</c>: what <c>restore</c> would do with the same arguments, and everything that speaks against it.</summary>
internal static class PlanCommand
{
    public static Command Create()
    {
        var json = Options.Json();
        var command = new Command("plan", "Tells what 'restore' would do with the same arguments: evaluations, time, memory, and all problems at once. Nothing is restored or written; the model is evaluated on noise to measure its speed.");
        var options = new RestorationOptions(command);
        command.Add(json);
        command.SetAction(parsed =>
        {
            var problems = new List<string>();
            var settings = options.Read(parsed, error => problems.Add(Terminal.Message(error)));
            IReadOnlyList<BatchItem> items = [];
            try
            {
                items = options.Files(parsed).Items;
            }
            catch (Imaging.ImageException error)
            {
                problems.Add(Terminal.Message(error));
            }
            var plan = ProgressView.Run("planning", 1, view =>
                new RestorationPlanner(settings, Environment.CurrentDirectory, problems).Make(items, options.Force(parsed), new Reporter<string>(what => view.Report(0, what)), Interrupts.Token));
            if (parsed.GetValue(json)) Terminal.Json(plan, ResultJson.Default.RestorationPlan);
            else Print(plan);
            return plan.WouldRun ? 0 : 1;
        });
        return command;
    }

    private static void Print(RestorationPlan plan)
    {
        foreach (var item in plan.Items) Terminal.Line(Describe(item));
        if (plan.Items.Count > 1 && plan.WouldRun) Terminal.Line(Text($"{plan.Items.Count} files  {plan.Evaluations} evaluations  about {Time(plan.Seconds)}{Memory(plan.PeakBytes)}"));
        foreach (var (size, seconds) in plan.MeasuredEvaluations) Terminal.Line(Text($"measured: {seconds:0.###} s for an evaluation of the model on noise of {size}"));
        foreach (var remark in plan.Remarks) Terminal.Line(Terminal.OneLine($"note: {remark}"));
        foreach (var problem in plan.Problems) Terminal.Line(Terminal.OneLine($"problem: {problem}"));
        Terminal.Line(plan.WouldRun ? "it would run" : Text($"it would not run: {plan.Problems.Count} {(plan.Problems.Count == 1 ? "problem" : "problems")}"));
    }

    private static string Describe(PlannedRestoration item)
    {
        var parts = new List<string> { Terminal.OneLine($"{item.Input} -> {item.Output}") };
        if (item.Finished) parts.Add("finished already");
        if (item.ImageSize is { } size) parts.Add(Text($"image {size}"));
        if (item.Sigma is { } sigma) parts.Add(Text($"sigma {sigma:0.####}"));
        if (item.Tiles is { } tiles) parts.Add(Text($"{tiles} {(tiles == 1 ? "tile" : "tiles")}"));
        if (item is { Evaluations: { } evaluations, Finished: false }) parts.Add(Text($"{evaluations} evaluations"));
        if (item is { Seconds: { } seconds, Finished: false }) parts.Add($"about {Time(seconds)}{Memory(item.PeakBytes)}");
        return string.Join("  ", parts);
    }

    private static string Time(double seconds) => seconds < 120 ? Text($"{seconds:0.#} s") : seconds < 7200 ? Text($"{seconds / 60:0} min") : Text($"{seconds / 3600:0.#} h");

    private static string Memory(long? bytes) => bytes is { } known ? Text($"  peak memory about {known / (double)(1 << 20):0} MiB") : "";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
