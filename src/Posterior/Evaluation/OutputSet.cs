using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>The files of one result and their receipt: all are written under temporary names before the first of them gets its own, and until then older ones stay as they are.</summary>
public sealed class OutputSet
{
    private readonly List<ReceiptFile> _files = [];
    private readonly List<(string Temporary, string Path)> _written = [];

    /// <summary>The files written so far.</summary>
    public IReadOnlyList<ReceiptFile> Files => _files;

    /// <summary>Writes a result under temporary names, then renames; a failure before that changes nothing and goes on.</summary>
    /// <param name="write">Calls <see cref="Add"/> for each file and returns the receipt.</param>
    /// <param name="receiptPath">Where the receipt goes.</param>
    /// <exception cref="ImageException">A file cannot be written.</exception>
    public static Receipt Write(string receiptPath, Func<OutputSet, Receipt> write)
    {
        var set = new OutputSet();
        try
        {
            // Somebody may have removed the folder during the work.
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(receiptPath))!);
            var receipt = write(set);
            set.Write(receiptPath, receipt.Write);
            // An old receipt must not vouch for new files, so it goes first and the new one comes last.
            File.Delete(receiptPath);
            foreach (var (temporary, path) in set._written) File.Move(temporary, path, overwrite: true);
            return receipt;
        }
        catch (Exception error)
        {
            foreach (var (temporary, _) in set._written) Remove(temporary);
            if (error is IOException or UnauthorizedAccessException) throw new ImageException($"cannot write '{receiptPath}': {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
            throw;
        }
    }

    /// <summary>Writes one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="role">What it is.</param>
    /// <param name="write">Writes it under a temporary name of the same ending, complete or not at all.</param>
    /// <exception cref="ImageException">It cannot be written.</exception>
    public void Add(string path, string role, Action<string> write) => _files.Add(ReceiptFile.Of(Write(path, write), role) with { Path = Path.GetFullPath(path) });

    private string Write(string path, Action<string> write)
    {
        if (Directory.Exists(path)) throw new ImageException($"cannot write '{path}': it is a folder");
        // Hidden files are no inputs of a batch; the ending tells the format.
        var temporary = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, $".{Guid.NewGuid():N}{Path.GetExtension(path)}");
        _written.Add((temporary, path));
        try
        {
            write(temporary);
        }
        catch (ImageException error)
        {
            throw new ImageException(error.Message.Replace(temporary, path, StringComparison.Ordinal), error);
        }
        return temporary;
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }

    /// <summary>Makes a folder where it is missing, and finds out before any long work whether files can be written in it.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="ImageException">It cannot be made, is not writable, or its disk is full.</exception>
    public static void CheckWritable(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"cannot make the folder '{folder}': {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
        var probe = Path.Combine(folder, $".probe-{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            AtomicFile.Write(probe, stream => stream.Write(new byte[4096]));
        }
        catch (ImageException error)
        {
            throw new ImageException($"cannot write in '{folder}': {(error.InnerException is UnauthorizedAccessException ? "no permission" : error.Message.Split(": ", 2)[^1].Replace(probe, folder, StringComparison.Ordinal))}", error);
        }
        finally
        {
            File.Delete(probe);
        }
    }
}
