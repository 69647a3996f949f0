using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Posterior.Torch;

namespace Posterior.Cli;

/// <summary>What the program prints: results to the standard output, problems to the error output, one line each, without escape codes.</summary>
internal static class Terminal
{
    // The bridge's words where libtorch or libvips get no memory.
    private const string OutOfMemory = "out of memory";
    private const string Debug = "POSTERIOR_DEBUG";

    /// <summary>Whether a person watches: progress is shown then.</summary>
    public static bool IsWatched => !Console.IsErrorRedirected && !Console.IsOutputRedirected;

    /// <summary>Prints a result, which may have several lines; other control characters become blanks. Names of files in it go through <see cref="OneLine"/>.</summary>
    /// <exception cref="IOException">Nothing can be written there.</exception>
    public static void Line(string text = "")
    {
        try
        {
            Console.Out.WriteLine(Plain(text, lineBreaks: true));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"the standard output cannot be written: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    /// <summary>A remark about work that goes on.</summary>
    public static void Note(string text) => Console.Error.WriteLine($"posterior: note: {OneLine(text).Trim()}");

    public static void Problem(string text) => Console.Error.WriteLine($"posterior: {OneLine(text).Trim()}");

    /// <summary>Reports a failure.</summary>
    /// <returns>The exit code.</returns>
    public static int Fail(Exception error, int code)
    {
        Problem(Message(error));
        if (Environment.GetEnvironmentVariable(Debug) == "1") Console.Error.WriteLine(error);
        return code;
    }

    /// <summary>The line for a failure.</summary>
    public static string Message(Exception error) => error switch
    {
        TypeInitializationException { InnerException: { } inner } => Message(inner),
        OutOfMemoryException or TorchException { Message: OutOfMemory } => $"{OutOfMemory}; smaller images, --tile or fewer --samples need less",
        ArgumentException argument => WithoutParameter(argument),
        NullReferenceException or IndexOutOfRangeException or InvalidCastException or KeyNotFoundException =>
            $"this is a defect of the program: {error.GetType().Name}: {error.Message} ({Debug}=1 shows where)",
        _ => error.Message,
    };

    public static void Json<T>(T value, JsonTypeInfo<T> type) => Line(JsonSerializer.Serialize(value, type));

    /// <summary>A table with aligned columns; numbers stand at the right.</summary>
    public static void Table(IReadOnlyList<string> headers, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        rows = [.. rows.Select(row => (string[])[.. row.Select(OneLine)])];
        var widths = headers.Select((header, column) => rows.Select(row => row[column].Length).Append(header.Length).Max()).ToArray();
        var numeric = headers.Select((_, column) => rows.Count > 0 && rows.All(row => row[column].Length == 0 || IsNumber(row[column]))).ToArray();
        Print(headers);
        foreach (var row in rows) Print(row);

        void Print(IReadOnlyList<string> cells) =>
            Line(string.Join("  ", cells.Select((cell, column) => numeric[column] ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>Text that stays on its line: what files are called may hold anything.</summary>
    public static string OneLine(string text) => Plain(text, lineBreaks: false);

    private static string Plain(string text, bool lineBreaks) => string.Create(text.Length, (Text: text, LineBreaks: lineBreaks), static (line, source) =>
    {
        for (var i = 0; i < line.Length; i++)
        {
            var symbol = source.Text[i];
            var stays = source.LineBreaks && symbol == '\n';
            line[i] = !stays && (char.IsControl(symbol) || symbol is '\u2028' or '\u2029') ? ' ' : symbol;
        }
    });

    private static string WithoutParameter(ArgumentException error)
    {
        var text = error.Message.Split('\n')[0].TrimEnd();
        var suffix = $" (Parameter '{error.ParamName}')";
        return text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text;
    }

    private static bool IsNumber(string cell) => double.TryParse(cell.Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out _) || cell is "inf" or "-";
}
