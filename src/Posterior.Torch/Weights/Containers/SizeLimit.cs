namespace Posterior.Torch.Weights.Containers;

/// <summary>How much memory a file may ask for, in proportion to its own size.</summary>
internal static class SizeLimit
{
    private const long Always = 16L << 20;
    private const long Factor = 64;

    /// <summary>The most bytes that a compressed pickle may unpack to: 64 times its own.</summary>
    public static long OfUnpacked(long stored) => Factor * Math.Min(stored, long.MaxValue / Factor);

    /// <summary>
    /// The most bytes that all records or all tensors of a file may come to: 64 times the file and 16 MiB. Compressed weights and views that
    /// repeat elements (stride 0) stay far below it.
    /// </summary>
    public static long For(MappedFile file) => file.Length > (long.MaxValue - Always) / Factor ? long.MaxValue : Always + Factor * file.Length;
}
