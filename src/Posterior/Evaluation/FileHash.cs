using System.Security.Cryptography;
using System.Text;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>SHA-256 as 64 lowercase hexadecimal digits: what receipts and model cards identify contents by.</summary>
public static class FileHash
{
    /// <summary>The hash of a file's bytes.</summary>
    /// <exception cref="ImageException">The file is missing, empty, not a regular file, or cannot be read.</exception>
    public static string Of(string path)
    {
        try
        {
            if (SpecialFile.MayBe(path)) throw new ImageException($"'{path}' is empty or not a regular file");
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException($"'{path}' does not exist", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"'{path}' cannot be read: {error.Message.Split('\n')[0].TrimEnd('.', ' ')}", error);
        }
    }

    /// <summary>The hash of a text's UTF-8 bytes.</summary>
    public static string OfText(string text) => OfBytes(Encoding.UTF8.GetBytes(text));

    /// <summary>The hash of bytes, as of a file that is read already.</summary>
    public static string OfBytes(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
