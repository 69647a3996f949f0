using System.Numerics;

namespace Posterior.Samples;

/// <summary>The things of the still life.</summary>
internal enum Thing
{
    Floor,
    Wall,
    Vase,
    Ring,
    Ball,
    Stone,
    Crate,
}

/// <summary>What a point of the still life is made of.</summary>
/// <param name="Colour">Linear albedo, or the tint of a metal.</param>
/// <param name="Normal">The unit normal with the fine relief.</param>
/// <param name="Mirror">Reflectance seen head-on.</param>
/// <param name="Gloss">Exponent of the highlight.</param>
/// <param name="Metal">1 for a metal, which has no diffuse light.</param>
internal readonly record struct Surface(Vector3 Colour, Vector3 Normal, float Mirror, float Gloss, float Metal = 0);

/// <summary>The procedural textures of the still life.</summary>
internal static class Materials
{
    private static readonly Quaternion _crateTurn = Quaternion.CreateFromAxisAngle(Vector3.UnitY, -0.55f);

    /// <summary>A point in the frame of the crate, whose half side is 0.5.</summary>
    public static Vector3 ToCrate(Vector3 p) => Vector3.Transform(p - new Vector3(0.95f, 0.52f, 0.85f), _crateTurn);

    /// <summary>The surface at a point of a thing.</summary>
    public static Surface At(Thing thing, Vector3 p, Vector3 normal) => thing switch
    {
        Thing.Floor => Tiles(p),
        Thing.Wall => Bricks(p),
        Thing.Vase => Glaze(p, normal),
        Thing.Ring => new Surface(new Vector3(1.0f, 0.72f, 0.30f), Bump(p * 60, normal, 0.05f), 0.86f, 90, 1),
        Thing.Ball => Marble(p, normal),
        Thing.Stone => Moss(p, normal),
        Thing.Crate => Wood(ToCrate(p), normal),
        _ => throw new ArgumentOutOfRangeException(nameof(thing), thing, "no such thing in the still life"),
    };

    private static Surface Tiles(Vector3 p)
    {
        var turned = new Vector2((p.X * 0.8f) + (p.Z * 0.6f), (p.Z * 0.8f) - (p.X * 0.6f)) * 1.9f;
        var (ix, iy) = (MathF.Floor(turned.X), MathF.Floor(turned.Y));
        var (fx, fy) = (turned.X - ix, turned.Y - iy);
        var edge = Math.Min(Math.Min(fx, 1 - fx), Math.Min(fy, 1 - fy));
        var joint = 1 - Noise.Step(0.012f, 0.03f, edge);
        var dark = ((int)ix + (int)iy) % 2 != 0;
        var shift = Noise.Hash((int)ix, (int)iy, 5) * 30;
        var cloud = Noise.Fractal((turned.X * 2.3f) + shift, (turned.Y * 2.3f) - shift, 6, 11);
        var vein = 1 - Noise.Step(0, 0.035f, MathF.Abs(Noise.Fractal((turned.X * 1.3f) - shift, (turned.Y * 1.3f) + shift, 5, 37) - 0.5f));
        var colour = dark
            ? Vector3.Lerp(new Vector3(0.035f, 0.05f, 0.055f), new Vector3(0.12f, 0.15f, 0.15f), cloud) + new Vector3(0.25f * vein)
            : Vector3.Lerp(new Vector3(0.72f, 0.66f, 0.55f), new Vector3(0.48f, 0.41f, 0.33f), cloud) - new Vector3(0.16f * vein);
        colour = Vector3.Lerp(colour, new Vector3(0.16f, 0.14f, 0.12f), joint);
        var normal = Vector3.Normalize(Vector3.UnitY + (Wobble(p * 9) * 0.006f));
        return new Surface(colour, normal, joint > 0.5f ? 0.005f : 0.085f, 160);
    }

    private static Surface Bricks(Vector3 p)
    {
        const float Height = 0.19f;
        var row = MathF.Floor(p.Y / Height);
        var along = (p.X / 0.46f) + (row % 2 == 0 ? 0 : 0.5f);
        var column = MathF.Floor(along);
        var wear = 0.02f * (Noise.Fractal(p.X * 14, p.Y * 14, 3, 3) - 0.5f);
        var fx = MathF.Min(along - column, column + 1 - along) * 0.46f;
        var fy = MathF.Min((p.Y / Height) - row, row + 1 - (p.Y / Height)) * Height;
        var brick = Noise.Step(0.008f, 0.018f, Math.Min(fx, fy) + wear);
        var tone = Noise.Hash((int)row, (int)column, 9);
        var grain = Noise.Fractal(p.X * 22, p.Y * 22, 4, 21);
        var colour = Vector3.Lerp(new Vector3(0.30f, 0.095f, 0.055f), new Vector3(0.50f, 0.23f, 0.13f), tone);
        colour = Vector3.Lerp(colour, new Vector3(0.16f, 0.075f, 0.06f), Noise.Step(0.83f, 0.87f, Noise.Hash((int)column, (int)row, 4)));
        colour *= 0.62f + (0.75f * grain);
        var lime = Noise.Step(0.60f, 0.80f, Noise.Fractal(p.X * 1.6f, p.Y * 1.6f, 5, 77));
        colour = Vector3.Lerp(colour, new Vector3(0.52f, 0.48f, 0.42f), 0.55f * lime);
        var mortar = new Vector3(0.40f, 0.37f, 0.32f) * (0.7f + (0.5f * grain));
        var slope = (1 - brick) * 0.5f * Math.Sign(fx < fy ? along - column - 0.5f : 0);
        var rise = (1 - brick) * 0.5f * Math.Sign(fy <= fx ? (p.Y / Height) - row - 0.5f : 0);
        var normal = Vector3.Normalize(new Vector3(slope, rise, -1) + (Wobble(p * 26) * 0.34f));
        return new Surface(Vector3.Lerp(mortar, colour, brick), normal, 0, 8);
    }

    private static Surface Glaze(Vector3 p, Vector3 normal)
    {
        var angle = MathF.Atan2(p.Z - 0.55f, p.X + 1.02f) / MathF.Tau;
        var (u, v) = (angle * 14, p.Y * 6.2f);
        var blue = new Vector3(0.012f, 0.045f, 0.19f);
        var white = new Vector3(0.74f, 0.76f, 0.74f) * (0.93f + (0.1f * Noise.Fractal(p * 30, 2)));
        var band = MathF.Abs(v - 3.9f);
        float ink;
        if (band < 1.5f)
        {
            // Petals: eight-fold flowers in diamonds.
            var (cx, cy) = (u - MathF.Floor(u) - 0.5f, (v - 3.9f) / 1.5f);
            var (radius, turn) = (MathF.Sqrt((cx * cx) + (cy * cy * 0.3f)), MathF.Atan2(cy * 0.55f, cx));
            var petal = 0.30f + (0.13f * MathF.Cos(8 * turn));
            ink = Noise.Step(0.02f, -0.02f, radius - petal) * Noise.Step(0.07f, 0.1f, radius);
            ink = Math.Max(ink, Noise.Step(0.03f, 0.01f, MathF.Abs(MathF.Abs(cx) + (0.5f * MathF.Abs(cy)) - 0.49f)));
        }
        else
        {
            ink = band < 1.8f ? 1 : MathF.Sin((u * MathF.Tau) + (2.2f * MathF.Sin(v * 2.6f))) * MathF.Sin(v * 5.2f) > 0.25f ? 1 : 0;
        }

        var wash = 0.75f + (0.4f * Noise.Fractal(p * 9, 3));
        return new Surface(Vector3.Lerp(white, blue * wash, ink * 0.93f), Bump(p * 16, normal, 0.015f), 0.055f, 220);
    }

    private static Surface Marble(Vector3 p, Vector3 normal)
    {
        var warp = Noise.Fractal(p * 3.1f, 5);
        var vein = MathF.Abs(MathF.Sin((p.X * 6) + (p.Y * 4) + (9 * warp)));
        var colour = Vector3.Lerp(new Vector3(0.02f, 0.085f, 0.055f), new Vector3(0.06f, 0.27f, 0.17f), Noise.Fractal(p * 8, 5));
        colour = Vector3.Lerp(new Vector3(0.72f, 0.78f, 0.70f), colour, Noise.Step(0.02f, 0.22f, vein));
        return new Surface(colour, normal, 0.09f, 320);
    }

    private static Surface Moss(Vector3 p, Vector3 normal)
    {
        var grain = Noise.Fractal(p * 34, 4);
        var colour = Vector3.Lerp(new Vector3(0.16f, 0.15f, 0.14f), new Vector3(0.44f, 0.41f, 0.37f), grain);
        var moss = Noise.Step(0.42f, 0.62f, Noise.Fractal(p * 6, 4) + (0.28f * normal.Y));
        var green = Vector3.Lerp(new Vector3(0.06f, 0.12f, 0.015f), new Vector3(0.34f, 0.42f, 0.07f), Noise.Fractal(p * 50, 3));
        return new Surface(Vector3.Lerp(colour, green, moss), Bump(p * 30, normal, 0.7f), 0, 8);
    }

    private static Surface Wood(Vector3 p, Vector3 normal)
    {
        var board = (int)MathF.Floor((p.Y + 0.5f) * 5);
        var upright = MathF.Abs(p.X) > 0.40f && MathF.Abs(p.Z) > 0.40f && MathF.Abs(p.Y) < 0.40f;
        var along = upright ? p.Y : p.X + p.Z;
        var across = upright ? p.X - p.Z : p.Y;
        var shift = Noise.Hash(board, upright ? 1 : 0, 2) * 20;
        var ring = Noise.Fractal((along * 1.4f) + shift, (across * 13) + shift, 4, 51);
        var fibre = Noise.Fractal((along * 6) + shift, across * 90, 3, 61);
        var lines = 0.5f + (0.5f * MathF.Sin(ring * 46));
        var colour = Vector3.Lerp(new Vector3(0.19f, 0.085f, 0.03f), new Vector3(0.50f, 0.29f, 0.125f), (0.55f * lines) + (0.45f * fibre));
        colour *= 0.8f + (0.4f * Noise.Hash(board, 3, 8));
        // Nails near the ends of the boards.
        var corner = Vector3.Abs(Vector3.Abs(p) - new Vector3(0.45f));
        var nail = new Vector2(MathF.Min(corner.X, corner.Z), corner.Y);
        colour = nail.Length() < 0.018f ? new Vector3(0.05f, 0.045f, 0.04f) : colour;
        return new Surface(colour, Bump(new Vector3(along * 4, across * 60, 0), normal, 0.12f), 0.012f, 26);
    }

    private static Vector3 Bump(Vector3 p, Vector3 normal, float strength) => Vector3.Normalize(normal + (Wobble(p) * strength));

    private static Vector3 Wobble(Vector3 p)
    {
        var (x, y, z) = (Noise.Value(p), Noise.Value(p + new Vector3(31, 17, 5)), Noise.Value(p + new Vector3(11, 47, 23)));
        return new Vector3(x, y, z) - new Vector3(0.5f);
    }
}
