namespace Posterior.Torch.Weights;

/// <summary>
/// A weight file that cannot be read or written. The message is one line: the file's name, what is wrong, what was expected and what was found.
/// </summary>
public sealed class WeightFileException : Exception
{
    /// <summary>Creates the exception for one file.</summary>
    /// <param name="path">The file as the caller named it; the message shows its last part.</param>
    /// <param name="problem">What is wrong, with the expected and the found value.</param>
    /// <param name="inner">The lower-level failure, where there is one.</param>
    public WeightFileException(string path, string problem, Exception? inner = null)
        : base($"{Path.GetFileName(path)}: {OneLine(problem)}", inner)
    {
        FilePath = path;
        Problem = OneLine(problem);
    }

    /// <summary>The file as the caller named it.</summary>
    public string FilePath { get; }

    /// <summary>The message without the file's name.</summary>
    public string Problem { get; }

    /// <summary>Names inside a hostile file may hold control characters or megabytes of text; neither belongs in a message.</summary>
    private static string OneLine(string text)
    {
        const int longest = 400;
        var shown = text.Length <= longest ? text : string.Concat(text.AsSpan(0, longest), "...");
        return string.Create(shown.Length, shown, static (line, source) =>
        {
            for (var i = 0; i < line.Length; i++)
            {
                line[i] = char.IsControl(source[i]) || source[i] is '\u2028' or '\u2029' ? '?' : source[i];
            }
        });
    }
}
