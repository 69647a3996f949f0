namespace Posterior.Torch.Weights;

/// <summary>Recognises files that are often saved under a checkpoint's name and are none.</summary>
internal static class FileSignature
{
    private const int Looked = 512;

    /// <summary>What a file looks like, for a message; null when it may be a weight file.</summary>
    public static string? Describe(MappedFile file)
    {
        if (file.Length == 0)
            return "an empty file, or something that is not a regular file";
        var start = file.Span(0, (int)Math.Min(file.Length, Looked));
        if (start.StartsWith("version https://git-lfs"u8))
            return "a Git LFS pointer: the file itself was not downloaded";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x89, .. "HDF"u8]))
            return "an HDF5 file";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]))
            return "a gzip archive: unpack it first";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x89, .. "PNG"u8]) || start.StartsWith((ReadOnlySpan<byte>)[0xff, 0xd8, 0xff]))
            return "a picture";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x93, .. "NUMPY"u8]))
            return "a NumPy array";
        if (start.StartsWith("GGUF"u8))
            return "a GGUF file";
        if (start.Length > 262 && start[257..].StartsWith("ustar"u8))
            return "a tar archive: PyTorch before version 0.1.10 wrote such files, save it again with a newer one";
        var text = start.TrimStart(" \t\r\n"u8);
        if (text.StartsWith("<"u8))
            return "a web page or XML: the download may have needed a login";
        if (text.StartsWith("{"u8) || text.StartsWith("["u8))
            return "a JSON text";
        return null;
    }
}
