using System.Numerics;

namespace Posterior.Samples;

/// <summary>Paints opaque tapered strokes on a transparent square, whose sides run from 0 to 1.</summary>
internal sealed class Brush(int size)
{
    private readonly bool[] _painted = new bool[size * size];

    /// <summary>What was painted; black where nothing was.</summary>
    public Picture Colour { get; } = new(size);

    /// <summary>1 where something was painted, else 0.</summary>
    public float Cover(int x, int y) => _painted[(y * size) + x] ? 1 : 0;

    /// <summary>A stroke with round ends.</summary>
    /// <param name="from">Its start.</param>
    /// <param name="to">Its end.</param>
    /// <param name="wide">Width at the start.</param>
    /// <param name="narrow">Width at the end.</param>
    /// <param name="colour">Linear colour.</param>
    public void Line(Vector2 from, Vector2 to, float wide, float narrow, Vector3 colour)
    {
        var (a, b, margin) = (from * size, to * size, 0.5f * Math.Max(wide, narrow) * size);
        var low = Vector2.Min(a, b) - new Vector2(margin);
        var high = Vector2.Max(a, b) + new Vector2(margin);
        var along = b - a;
        var scale = 1 / Math.Max(along.LengthSquared(), 1e-9f);
        for (var y = Math.Max(0, (int)low.Y); y <= Math.Min(size - 1, (int)high.Y); y++)
        {
            for (var x = Math.Max(0, (int)low.X); x <= Math.Min(size - 1, (int)high.X); x++)
            {
                var p = new Vector2(x + 0.5f, y + 0.5f);
                var t = Math.Clamp(Vector2.Dot(p - a, along) * scale, 0, 1);
                if (Vector2.Distance(p, a + (along * t)) > 0.5f * size * float.Lerp(wide, narrow, t))
                    continue;
                Colour[x, y] = colour;
                _painted[(y * size) + x] = true;
            }
        }
    }
}
