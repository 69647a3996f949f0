using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>The files of one result and their receipt: all of them are written, or none is left.</summary>
public sealed class OutputSet
{
    private readonly List<ReceiptFile> _files = [];
    private readonly List<string> _written = [];

    /// <summary>The files written so far.</summary>
    public IReadOnlyList<ReceiptFile> Files => _files;

    /// <summary>Writes a result; when that fails, what was written of it is removed and the failure goes on.</summary>
    /// <param name="write">Calls <see cref="Add"/> for each file and returns the receipt.</param>
    /// <param name="receiptPath">Where the receipt goes.</param>
    /// <exception cref="ImageException">A file cannot be written.</exception>
    public static Receipt Write(string receiptPath, Func<OutputSet, Receipt> write)
    {
        var set = new OutputSet();
        try
        {
            // An old receipt must not vouch for new files.
            File.Delete(receiptPath);
            var receipt = write(set);
            receipt.Write(receiptPath);
            return receipt;
        }
        catch (Exception error)
        {
            foreach (var path in set._written) File.Delete(path);
            if (error is IOException or UnauthorizedAccessException) throw new ImageException($"cannot write '{receiptPath}': {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
            throw;
        }
    }

    /// <summary>Writes one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="role">What it is.</param>
    /// <param name="write">Writes it, complete or not at all.</param>
    public void Add(string path, string role, Action write)
    {
        write();
        _written.Add(path);
        _files.Add(ReceiptFile.Of(path, role));
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
            throw new ImageException($"cannot write in '{folder}': {(error.InnerException is UnauthorizedAccessException ? "no permission" : error.Message.Split(": ", 2)[^1])}", error);
        }
        finally
        {
            File.Delete(probe);
        }
    }
}
