namespace Posterior.Operators;

/// <summary>What a filter sees beyond the edge of an image with pixels 0 .. n - 1.</summary>
public enum Boundary
{
    /// <summary>Nothing: terms outside are dropped.</summary>
    Zero,

    /// <summary>The mirror image with the edge pixel repeated: -1 is 0.</summary>
    Symmetric,

    /// <summary>The mirror image about the edge pixel: -1 is 1.</summary>
    Reflect,

    /// <summary>The image again: -1 is n - 1.</summary>
    Circular,
}
