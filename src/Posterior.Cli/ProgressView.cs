using Spectre.Console;

namespace Posterior.Cli;

/// <summary>A progress bar with the time left, on a terminal; nothing elsewhere.</summary>
internal sealed class ProgressView
{
    private readonly ProgressTask? _task;

    private ProgressView(ProgressTask? task) => _task = task;

    /// <summary>Works with a bar that is gone afterwards.</summary>
    /// <param name="title">What is done.</param>
    /// <param name="total">How much there is to do: steps, files.</param>
    /// <param name="work">The work; reports how much of it is done.</param>
    public static T Run<T>(string title, double total, Func<ProgressView, T> work)
    {
        if (!Terminal.IsWatched) return work(new(null));
        return Draw(title, total, work);
    }

    /// <summary>Sets how much is done, and perhaps what is done now.</summary>
    public void Report(double done, string? title = null)
    {
        if (_task is null) return;
        _task.Value = done;
        if (title is not null) _task.Description = Markup.Escape(Terminal.OneLine(title));
    }

    // Apart, so that Spectre.Console is loaded for terminals only.
    private static T Draw<T>(string title, double total, Func<ProgressView, T> work)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress().AutoClear(true).HideCompleted(false)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new(context.AddTask(Markup.Escape(title), maxValue: total))));
    }
}
