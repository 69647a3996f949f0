using System.Numerics;

namespace Posterior.Samples;

/// <summary>
/// A printed sheet on a wooden desk: letters of many sizes and directions, a test star, line gratings, a halftone and a stamp.
/// </summary>
internal static class Lettering
{
    private const int Fine = 2048;
    private const float HalfWidth = 0.44f;
    private static readonly Vector3 _black = new(0.022f, 0.022f, 0.03f);
    private static readonly Vector3 _blue = new(0.02f, 0.075f, 0.26f);
    private static readonly Vector3 _red = new(0.52f, 0.035f, 0.03f);
    private static readonly Vector3 _gold = new(0.66f, 0.33f, 0.035f);
    private static readonly Vector3 _green = new(0.03f, 0.21f, 0.11f);

    /// <summary>Renders the sheet.</summary>
    public static Picture Render(int size)
    {
        var print = Print();
        var stamp = Stamp();
        var (sine, cosine) = MathF.SinCos(-0.085f);
        return Picture.Trace(size, 4, (u, v) =>
        {
            var (x, y) = (u - 0.5f, v - 0.51f);
            // Seen from a little below: the far edge is shorter.
            var depth = 1 + (0.10f * y);
            var at = new Vector2((cosine * x) - (sine * y), (sine * x) + (cosine * y)) / depth;
            var sheet = new Vector2(at.X + 0.5f, (at.Y / 1.06f) + 0.5f);
            var edge = HalfWidth - Math.Max(MathF.Abs(at.X), MathF.Abs(at.Y) - 0.03f);
            var lamp = 1.22f - (0.75f * Vector2.Distance(new Vector2(u, v), new Vector2(0.22f, 0.12f)));
            if (edge < 0)
            {
                var below = at - new Vector2(0.016f, 0.022f);
                var outside = Math.Max(MathF.Abs(below.X), MathF.Abs(below.Y) - 0.03f) - HalfWidth;
                return Desk(u, v) * lamp * (0.30f + (0.70f * Noise.Step(-0.012f, 0.03f, outside)));
            }

            return Sheet(sheet, at, print, stamp) * lamp;
        });
    }

    private static Vector3 Sheet(Vector2 sheet, Vector2 at, Brush print, Brush stamp)
    {
        var fibre = Noise.Fractal(sheet.X * 140, sheet.Y * 140, 3, 401);
        var stain = Noise.Fractal(sheet.X * 3, sheet.Y * 3, 5, 411);
        var colour = Vector3.Lerp(new Vector3(0.86f, 0.81f, 0.68f), new Vector3(0.72f, 0.63f, 0.46f), Noise.Step(0.45f, 0.85f, stain));
        colour *= 0.93f + (0.12f * fibre);
        var ring = MathF.Abs(Vector2.Distance(at, new Vector2(0.30f, -0.335f)) - 0.085f);
        var coffee = 0.75f * Noise.Step(0.008f, 0.002f, ring) * Noise.Step(0.3f, 0.6f, stain + (0.3f * fibre));
        colour = Vector3.Lerp(colour, colour * new Vector3(0.72f, 0.56f, 0.38f), coffee);
        var (px, py) = ((int)(sheet.X * Fine), (int)(sheet.Y * Fine));
        if (px is >= 0 and < Fine && py is >= 0 and < Fine)
        {
            // Ink is thinner where the fibres are high.
            colour = Vector3.Lerp(colour, print.Colour[px, py], print.Cover(px, py) * (0.97f - (0.16f * fibre)));
            var worn = Noise.Step(0.38f, 0.50f, Noise.Fractal(sheet.X * 60, sheet.Y * 60, 4, 421));
            colour = Vector3.Lerp(colour, colour * stamp.Colour[px, py], stamp.Cover(px, py) * worn * 0.92f);
        }

        // Two folds, each lit on one side and dark on the other.
        return colour * (1 + Fold(at.X + 0.01f) + Fold(at.Y - 0.05f));
    }

    private static float Fold(float across) => 0.14f * MathF.Exp(-MathF.Abs(across) * 60) * (across < 0 ? 1 : -1);

    private static Vector3 Desk(float u, float v)
    {
        var plank = (int)MathF.Floor((v * 4.2f) + 0.3f);
        var (x, y) = (u + (Noise.Hash(plank, 7) * 9), v);
        var ring = Noise.Fractal(x * 2.2f, (y * 26) + plank, 5, 431);
        var grain = Noise.Fractal(x * 10, y * 190, 3, 441);
        var tone = (0.6f * (0.5f + (0.5f * MathF.Sin(ring * 40)))) + (0.4f * grain);
        var gap = MathF.Abs((v * 4.2f) + 0.3f - MathF.Round((v * 4.2f) + 0.3f));
        var colour = Vector3.Lerp(new Vector3(0.10f, 0.042f, 0.017f), new Vector3(0.30f, 0.145f, 0.06f), tone);
        return colour * (0.8f + (0.4f * Noise.Hash(plank, 3))) * Noise.Step(0, 0.03f, gap);
    }

    private static Brush Print()
    {
        var brush = new Brush(Fine);
        Frame(brush);
        Centre(brush, "POSTERIOR", 0.215f, 0.098f, 0.0175f, _blue);
        Centre(brush, "Restoring what was lost", 0.272f, 0.030f, 0.0052f, _red, slant: 0.25f);
        brush.Line(new Vector2(0.13f, 0.300f), new Vector2(0.87f, 0.300f), 0.0022f, 0.0022f, _black);
        brush.Line(new Vector2(0.13f, 0.306f), new Vector2(0.87f, 0.306f), 0.0009f, 0.0009f, _black);
        string[] lines =
        [
            "Sphinx of black quartz, judge my vow",
            "The quick brown fox jumps over the lazy dog 0123456789",
            "Pack my box with five dozen liquor jugs: y = Hx + n",
        ];
        float[] heights = [0.0295f, 0.0205f, 0.0215f];
        for (var k = 0; k < lines.Length; k++)
        {
            var height = Math.Min(heights[k], 0.74f / StrokeFont.Width(lines[k]));
            Write(brush, lines[k], new Vector2(0.13f, 0.352f + (0.040f * k)), height, 0.0038f, _black);
        }

        Star(brush, new Vector2(0.715f, 0.655f), 0.112f);
        Around(brush, "SHARP EDGES - FINE LINES - SMOOTH TONES - ", new Vector2(0.715f, 0.655f), 0.128f, 0.0225f, _green);
        Gratings(brush);
        Halftone(brush);
        Write(brush, "No. 1763", new Vector2(0.135f, 0.905f), 0.026f, 0.005f, _red);
        Write(brush, "Bayes / Price", new Vector2(0.40f, 0.905f), 0.022f, 0.0036f, _black, slant: 0.3f);
        Barcode(brush);
        return brush;
    }

    private static Brush Stamp()
    {
        var brush = new Brush(Fine);
        var ink = new Vector3(0.78f, 0.10f, 0.12f);
        Vector2[] corners = [new(-0.155f, -0.048f), new(0.155f, -0.048f), new(0.155f, 0.048f), new(-0.155f, 0.048f)];
        var turn = Matrix3x2.CreateRotation(-0.36f) * Matrix3x2.CreateTranslation(0.335f, 0.60f);
        for (var k = 0; k < 4; k++)
            brush.Line(Vector2.Transform(corners[k], turn), Vector2.Transform(corners[(k + 1) % 4], turn), 0.008f, 0.008f, ink);
        var centre = Matrix3x2.CreateTranslation(-0.5f * 0.058f * StrokeFont.Width("ORIGINAL"), 0.028f);
        var text = Matrix3x2.CreateScale(0.058f) * centre * turn;
        Draw(brush, "ORIGINAL", p => Vector2.Transform(p, text), 0.0105f, ink);
        return brush;
    }

    private static void Frame(Brush brush)
    {
        foreach (var (inset, width, colour) in new[] { (0.082f, 0.006f, _blue), (0.094f, 0.0015f, _gold) })
        {
            Vector2[] corners = [new(inset, inset), new(1 - inset, inset), new(1 - inset, 1 - inset), new(inset, 1 - inset)];
            for (var k = 0; k < 4; k++)
                brush.Line(corners[k], corners[(k + 1) % 4], width, width, colour);
        }
    }

    /// <summary>A Siemens star: wedges that meet in the centre, so that the finest detail a restoration keeps can be read off.</summary>
    private static void Star(Brush brush, Vector2 centre, float radius)
    {
        const int Wedges = 24;
        for (var k = 0; k < Wedges; k++)
        {
            var tip = centre + (radius * new Vector2(MathF.Cos(MathF.Tau * k / Wedges), MathF.Sin(MathF.Tau * k / Wedges)));
            brush.Line(tip, centre, MathF.PI * radius / Wedges, 0, k % 3 == 0 ? _blue : _black);
        }
    }

    /// <summary>Parallel lines at ever smaller distances, upright and turned.</summary>
    private static void Gratings(Brush brush)
    {
        var x = 0.135f;
        for (var pitch = 0.0150f; x < 0.33f; pitch *= 0.945f)
        {
            brush.Line(new Vector2(x, 0.735f), new Vector2(x, 0.792f), pitch * 0.5f, pitch * 0.5f, _black);
            x += pitch;
        }

        for (var k = 0; k < 9; k++)
        {
            brush.Line(new Vector2(0.355f, 0.735f + (0.0068f * k)), new Vector2(0.485f, 0.735f + (0.0035f * k)), 0.0030f, 0.0015f, _red);
            var radius = 0.0065f * (k + 1);
            for (var step = 0; step < 40; step++)
            {
                brush.Line(Arch(radius, step), Arch(radius, step + 1), 0.0028f, 0.0028f, _green);
            }
        }
    }

    private static Vector2 Arch(float radius, int step)
    {
        var angle = MathF.PI * step / 40;
        return new Vector2(0.215f, 0.722f) - (radius * new Vector2(MathF.Cos(angle), MathF.Sin(angle)));
    }

    private static void Halftone(Brush brush)
    {
        for (var row = 0; row < 6; row++)
        {
            for (var column = 0; column < 38; column++)
            {
                var at = new Vector2(0.135f + (0.0095f * column) + (0.00475f * (row % 2)), 0.820f + (0.0085f * row));
                var width = 0.0016f + (0.0100f * column / 38);
                brush.Line(at, at, width, width, Vector3.Lerp(_gold, _red, column / 38f));
            }
        }
    }

    private static void Barcode(Brush brush)
    {
        var x = 0.665f;
        for (var k = 0; x < 0.865f; k++)
        {
            var width = 0.0026f * (1 + (int)(3 * Noise.Hash(k, 5)));
            if (k % 2 == 0)
                brush.Line(new Vector2(x + (width / 2), 0.852f), new Vector2(x + (width / 2), 0.900f), width, width, _black);
            x += width;
        }
    }

    private static void Centre(Brush brush, string text, float baseline, float height, float width, Vector3 colour, float slant = 0)
        => Write(brush, text, new Vector2(0.5f - (0.5f * height * StrokeFont.Width(text)), baseline), height, width, colour, slant);

    private static void Write(Brush brush, string text, Vector2 start, float height, float width, Vector3 colour, float slant = 0)
        => Draw(brush, text, p => start + (height * new Vector2(p.X - (slant * p.Y), p.Y)), width, colour);

    private static void Around(Brush brush, string text, Vector2 centre, float radius, float height, Vector3 colour)
    {
        // The width of the text, with the gap that closes it, is spread over the whole circle.
        var turn = MathF.Tau / (StrokeFont.Width(text) + (1.6f / 6));
        Vector2 Place(Vector2 p) => centre + ((radius - (height * p.Y)) * new Vector2(MathF.Sin(p.X * turn), -MathF.Cos(p.X * turn)));
        Draw(brush, text, Place, height * 0.17f, colour);
    }

    private static void Draw(Brush brush, string text, Func<Vector2, Vector2> place, float width, Vector3 colour)
    {
        foreach (var stroke in StrokeFont.Strokes(text))
        {
            for (var k = 0; k + 1 < stroke.Count; k++)
                brush.Line(place(stroke[k]), place(stroke[k + 1]), width, width, colour);
        }
    }
}
