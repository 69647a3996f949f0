namespace Posterior;

/// <summary>Uniform random numbers that are a function of (seed, index, draw) alone, so that a training resumes exactly where it stopped and a random operator can be drawn again.</summary>
/// <param name="seed">The seed.</param>
/// <param name="index">The sample that the numbers are for.</param>
public struct RandomStream(ulong seed, ulong index)
{
    private ulong _state = Mix(Mix(seed) ^ index);

    /// <summary>A number in [0, 1).</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1L << 53));

    /// <summary>An integer in [0, <paramref name="bound"/>).</summary>
    public int Below(int bound) => (int)(((UInt128)Next() * (ulong)bound) >> 64);

    // SplitMix64 (Steele, Lea, Flood 2014).
    private ulong Next() => Mix(_state += 0x9E3779B97F4A7C15);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
