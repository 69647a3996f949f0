using System.Text;
using Posterior.Imaging;

namespace Posterior.Evaluation.Experiments;

/// <summary>
/// The results file of an experiment: a row a line, only ever appended to. Several processes may write to it. A line that a crash cut off is
/// left where it is and not read; the next row begins on a line of its own.
/// </summary>
/// <param name="path">The file; its folder exists.</param>
public sealed class ResultLog(string path)
{
    private readonly Dictionary<string, ResultRow> _rows = new(StringComparer.Ordinal);
    private long _read;

    /// <summary>The name of the results file in an experiment's folder.</summary>
    public const string FileName = "results.jsonl";

    /// <summary>The rows that can be read, the last one of each key. Only what was added since the last call is parsed.</summary>
    /// <exception cref="ImageException">The file cannot be read.</exception>
    public IReadOnlyDictionary<string, ResultRow> Read()
    {
        if (!File.Exists(path)) return _rows;
        try
        {
            using var stream = SharedFile.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            stream.Seek(_read, SeekOrigin.Begin);
            var added = new byte[Math.Max(0, stream.Length - _read)];
            stream.ReadExactly(added);
            // A last line without an end is being written, or was cut off.
            var complete = added.AsSpan(0, added.AsSpan().LastIndexOf((byte)'\n') + 1);
            _read += complete.Length;
            foreach (var line in Encoding.UTF8.GetString(complete).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                if (ResultRow.TryParse(line) is { } row) _rows[row.Key] = row;
            return _rows;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"results '{path}' cannot be read: {error.Message.Split('\n')[0]}", error);
        }
    }

    /// <summary>Adds a row, whole or not at all.</summary>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public void Append(ResultRow row)
    {
        try
        {
            using var stream = SharedFile.Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var begins = stream.Length == 0;
            if (!begins)
            {
                stream.Seek(-1, SeekOrigin.End);
                begins = stream.ReadByte() == '\n';
            }
            var length = stream.Length;
            stream.Seek(0, SeekOrigin.End);
            try
            {
                stream.Write(Encoding.UTF8.GetBytes((begins ? "" : "\n") + row.ToLine() + "\n"));
                stream.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                stream.SetLength(length);
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"results '{path}' cannot be written: {error.Message.Split('\n')[0]}", error);
        }
    }
}
