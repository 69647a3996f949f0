using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;

namespace Posterior.Torch.Weights;

/// <summary>A file mapped read-only into memory. Nothing is read before it is touched, so opening a file of many gigabytes is immediate.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _start;
    private volatile bool _disposed;

    /// <summary>Maps a file.</summary>
    /// <param name="path">An existing file; one that is not regular has a length of 0.</param>
    /// <exception cref="WeightFileException">The file does not exist or cannot be opened.</exception>
    public MappedFile(string path)
    {
        FilePath = path;
        try
        {
            if (SpecialFile.MayBe(path))
                return;
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
            Length = stream.Length;
            if (Length == 0)
                return;
            _map = MemoryMappedFile.CreateFromFile(
                stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            _start = pointer + _view.PointerOffset;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            _view?.Dispose();
            _map?.Dispose();
            var problem = failure switch
            {
                FileNotFoundException or DirectoryNotFoundException => $"expected a weight file, found nothing at '{path}'",
                _ when Directory.Exists(path) => "expected a weight file, found a folder",
                _ => $"cannot be opened: {failure.Message}",
            };
            throw new WeightFileException(path, problem, failure);
        }
    }

    /// <summary>The path as it was given.</summary>
    public string FilePath { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>The bytes of a range that must lie inside the file; valid until the file is disposed.</summary>
    public ReadOnlySpan<byte> Span(long offset, int count)
    {
        Check(offset, count);
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    /// <summary>As <see cref="Span"/>, for ranges that may be longer than a span.</summary>
    public byte* Pointer(long offset, long count)
    {
        Check(offset, count);
        return _start + offset;
    }

    /// <summary>Creates the exception that names this file.</summary>
    public WeightFileException Error(string problem) => new(FilePath, problem);

    /// <summary>SHA-256 of the whole file, 64 lowercase hexadecimal digits.</summary>
    public string Sha256()
    {
        const int chunk = 1 << 24;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long offset = 0; offset < Length; offset += chunk)
        {
            hash.AppendData(Span(offset, (int)Math.Min(chunk, Length - offset)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Unmaps the file; spans and pointers taken from it become invalid.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _map?.Dispose();
    }

    private void Check(long offset, long count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (offset < 0 || count < 0 || offset > Length - count)
            throw Error($"bytes {offset} to {offset + count} were asked for, the file has {Length}");
    }
}
