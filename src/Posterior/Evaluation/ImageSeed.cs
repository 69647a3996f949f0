using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Posterior.Evaluation;

/// <summary>
/// The seed of one image's noise. It depends on the user's seed, the content of the input file, the use and the sample, and on nothing else: the same image
/// has the same noise alone, in any batch and under any name, and restoring never repeats the noise that degrading added.
/// </summary>
public static class ImageSeed
{
    /// <summary>Derives a seed.</summary>
    /// <param name="use">What the noise is for: <c>degrade</c>, <c>restore</c>, <c>sample</c>.</param>
    /// <param name="seed">The user's seed.</param>
    /// <param name="content">SHA-256 of the input file; empty where there is none.</param>
    /// <param name="sample">The sample, from 0.</param>
    public static ulong Of(string use, ulong seed, string content, int sample)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"posterior {use} {seed} {content} {sample}");
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
