using Posterior.Oracles;
using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

/// <summary>Random damage to real files: the reader either refuses in its own words or reads something; it never fails in another way.</summary>
[Trait("Category", "Oracle")]
public sealed class DamagedFileTests
{
    private const int Trials = 30;

    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(10);

    public static IEnumerable<object[]> Rows()
    {
        var rows = OracleFiles.Folder("checkpoints") is not { } folder
            ? []
            : Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Where(name => !name.EndsWith(".md", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal).Select(name => new object[] { name }).ToList();
        return rows.Count > 0 ? rows : [[OracleFiles.NoFiles]];
    }

    [SkippableTheory]
    [MemberData(nameof(Rows))]
    public void Random_damage_is_refused_or_harmless(string name)
    {
        var original = File.ReadAllBytes(Path.Combine(OracleFiles.RequireFolder("checkpoints"), name));
        LeaveOutChecksums(original);
        using var folder = new TemporaryFolder();
        var random = new Random(original.Length);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (var trial = 0; trial < Trials; trial++)
        {
            var damaged = Damage(original, random);
            var path = folder.Write("damaged", damaged);

            var failure = Record.Exception(() => ReadEverything(path));

            Assert.True(failure is null or WeightFileException, $"{name}, trial {trial}: {failure}");
        }

        Assert.InRange(clock.Elapsed, TimeSpan.Zero, _longest);
    }

    /// <summary>Without its CRC (zero in the directory, as PyTorch can write it) a damaged record reaches the pickle machine.</summary>
    private static void LeaveOutChecksums(Span<byte> bytes)
    {
        for (var at = 0; at + 46 <= bytes.Length; at++)
        {
            if (bytes[at..].StartsWith("PK\x01\x02"u8))
                bytes.Slice(at + 16, 4).Clear();
        }
    }

    private static byte[] Damage(byte[] original, Random random)
    {
        var bytes = original.ToArray();
        switch (random.Next(4))
        {
            case 0:
                return bytes[..random.Next(bytes.Length)];
            case 1:
                for (var i = 0; i < 4; i++)
                {
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                }

                break;
            case 2:
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                break;
            default:
                var (from, to, count) = (random.Next(bytes.Length), random.Next(bytes.Length), random.Next(1, 64));
                count = Math.Min(count, bytes.Length - Math.Max(from, to));
                bytes.AsSpan(from, count).ToArray().CopyTo(bytes, to);
                break;
        }

        return bytes;
    }

    private static void ReadEverything(string path)
    {
        using var file = WeightFile.Open(path);
        foreach (var entry in file.Entries)
        {
            entry.ReadBytes();
        }
    }
}
