namespace Posterior.Diffusion;

/// <summary>When and how <see cref="TiledDenoiser"/> cuts images.</summary>
public sealed record TileOptions
{
    /// <summary>What the network needs for one pixel of input, in bytes, at its widest: from the model card. 0 switches tiles off.</summary>
    public required long BytesPerPixel { get; init; }

    /// <summary>The memory that the network may take; null for a quarter of the machine's (or container's).</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Pixels at an inner edge of a tile that are computed but not used: the radius of the receptive field makes tiles exact.</summary>
    public int Context { get; init; } = 64;

    /// <summary>Pixels over which one tile fades into the next, beyond the context.</summary>
    public int Blend { get; init; } = 32;

    /// <summary>What corners of tiles are multiples of: the network's total stride, so that its grids in a tile and in the whole image coincide.</summary>
    public int Multiple { get; init; } = 8;

    /// <summary>How much neighbouring tiles share: <c>2 Context + Blend</c>.</summary>
    public int Overlap => 2 * Context + Blend;
}
