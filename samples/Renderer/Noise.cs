using System.Numerics;

namespace Posterior.Samples;

/// <summary>Deterministic noise from an integer hash: the same pictures on every machine.</summary>
internal static class Noise
{
    /// <summary>A number in [0, 1) for a lattice point.</summary>
    public static float Hash(int x, int y, int z = 0)
    {
        unchecked
        {
            var h = ((uint)x * 0x8DA6B343u) ^ ((uint)y * 0xD8163841u) ^ ((uint)z * 0xCB1AB31Fu);
            h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
            h = (h ^ (h >> 12)) * 0x297A2D39u;
            return ((h ^ (h >> 15)) >> 8) * (1f / (1 << 24));
        }
    }

    /// <summary>Value noise in [0, 1], smooth, with lattice spacing one.</summary>
    public static float Value(float x, float y, int seed = 0)
    {
        var (ix, iy) = ((int)MathF.Floor(x), (int)MathF.Floor(y));
        var (fx, fy) = (Ease(x - ix), Ease(y - iy));
        var top = float.Lerp(Hash(ix, iy, seed), Hash(ix + 1, iy, seed), fx);
        var bottom = float.Lerp(Hash(ix, iy + 1, seed), Hash(ix + 1, iy + 1, seed), fx);
        return float.Lerp(top, bottom, fy);
    }

    /// <summary>Value noise of a point in space.</summary>
    public static float Value(Vector3 p)
    {
        var (ix, iy, iz) = ((int)MathF.Floor(p.X), (int)MathF.Floor(p.Y), (int)MathF.Floor(p.Z));
        var (fx, fy, fz) = (Ease(p.X - ix), Ease(p.Y - iy), Ease(p.Z - iz));
        float Edge(int y, int z) => float.Lerp(Hash(ix, y, z), Hash(ix + 1, y, z), fx);
        var near = float.Lerp(Edge(iy, iz), Edge(iy + 1, iz), fy);
        var far = float.Lerp(Edge(iy, iz + 1), Edge(iy + 1, iz + 1), fy);
        return float.Lerp(near, far, fz);
    }

    /// <summary>
    /// A sum of octaves, each of half the amplitude and twice the frequency, scaled to [0, 1]; each is turned to hide the lattice.
    /// </summary>
    public static float Fractal(float x, float y, int octaves, int seed = 0)
    {
        var (sum, amplitude, total) = (0f, 1f, 0f);
        for (var k = 0; k < octaves; k++)
        {
            sum += amplitude * Value(x, y, seed + k);
            total += amplitude;
            amplitude *= 0.5f;
            (x, y) = ((1.6f * x) - (1.2f * y), (1.2f * x) + (1.6f * y));
        }

        return sum / total;
    }

    /// <summary>The same in space.</summary>
    public static float Fractal(Vector3 p, int octaves)
    {
        var (sum, amplitude, total) = (0f, 1f, 0f);
        for (var k = 0; k < octaves; k++)
        {
            sum += amplitude * Value(p);
            total += amplitude;
            amplitude *= 0.5f;
            p = (p * 2.03f) + new Vector3(7.1f, 3.7f, 5.3f);
        }

        return sum / total;
    }

    /// <summary>0 below <paramref name="low"/>, 1 above <paramref name="high"/>, a cubic between.</summary>
    public static float Step(float low, float high, float x) => Ease(Math.Clamp((x - low) / (high - low), 0f, 1f));

    private static float Ease(float t) => t * t * (3 - (2 * t));
}
