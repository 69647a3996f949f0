using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Random permutations that are the same on every machine.</summary>
internal static class RandomOrder
{
    /// <summary>The numbers 0 to <paramref name="count"/> - 1 in an order that the seed decides.</summary>
    public static int[] Of(int count, ulong seed)
    {
        using var scope = new Scope();
        var draws = new SeededNoise(seed).Normal([1, count]).ToArray<float>();

        // Equal draws keep their order, so that the result does not depend on the sort.
        var keys = new (float Draw, int Index)[count];
        for (var i = 0; i < count; i++) keys[i] = (draws[i], i);
        Array.Sort(keys);
        return Array.ConvertAll(keys, key => key.Index);
    }
}
