using System.Numerics;

namespace Posterior.Samples;

/// <summary>A lake before fractal mountains: snow, rock, forest, clouds, rippled reflections, and conifers and grass in front.</summary>
internal static class Landscape
{
    private const float Far = 60;
    private static readonly Vector3 _eye = new(0, 0.62f, 0);
    private static readonly Vector3 _sun = Vector3.Normalize(new Vector3(-0.62f, 0.42f, 0.35f));
    private static readonly Vector3 _sunlight = new(3.1f, 2.45f, 1.7f);
    private static readonly Vector3 _haze = new(0.56f, 0.66f, 0.80f);

    /// <summary>Renders the view.</summary>
    public static Picture Render(int size)
    {
        var plants = new Foreground(size);
        var view = Picture.Trace(size, 4, (u, v) =>
        {
            var ray = Vector3.Normalize(new Vector3((u - 0.5f) * 0.92f, (0.58f - v) * 0.92f, 1));
            return ToneMap(Look(_eye, ray));
        });
        return plants.Over(view);
    }

    private static Vector3 ToneMap(Vector3 light) => light * 1.12f / (Vector3.One + (light * 0.48f));

    private static Vector3 Look(Vector3 from, Vector3 ray)
    {
        var water = ray.Y < 0 ? -from.Y / ray.Y : float.PositiveInfinity;
        if (March(from, ray, Math.Min(Far, water), out var ground, out var travelled))
            return Fade(Ground(ground, travelled), ray, travelled);
        return water < Far * 3 ? Fade(Water(from + (ray * water), ray, water), ray, water) : Sky(ray);
    }

    /// <summary>Distance turns everything into the colour of the air.</summary>
    private static Vector3 Fade(Vector3 colour, Vector3 ray, float travelled)
    {
        var clear = MathF.Exp(-travelled * 0.013f);
        var glow = MathF.Pow(Math.Max(0, Vector3.Dot(ray, _sun)), 6);
        return Vector3.Lerp(_haze + (new Vector3(0.5f, 0.32f, 0.12f) * glow), colour, clear);
    }

    private static Vector3 Sky(Vector3 ray)
    {
        var height = Math.Max(0, ray.Y);
        var blue = MathF.Pow(Math.Min(1, height * 2.1f), 0.55f);
        var colour = Vector3.Lerp(new Vector3(0.88f, 0.84f, 0.80f), new Vector3(0.13f, 0.29f, 0.64f), blue);
        var near = Math.Max(0, Vector3.Dot(ray, _sun));
        colour += (new Vector3(1.2f, 0.8f, 0.4f) * MathF.Pow(near, 24)) + (new Vector3(0.25f, 0.17f, 0.08f) * MathF.Pow(near, 4));
        if (height <= 0.02f)
            return colour;
        var (x, z) = (ray.X / (height + 0.08f), ray.Z / (height + 0.08f));
        float Density(float dx, float dz) => Noise.Fractal((x * 0.75f) + dx + 3.1f, (z * 1.05f) + dz + 0.4f, 7, 101);
        var density = Density(0, 0);
        var cover = Noise.Step(0.50f, 0.72f, density);
        var towards = Density(_sun.X * 0.16f, _sun.Z * 0.16f);
        var bright = Math.Clamp(0.62f + ((density - towards) * 3.2f), 0.25f, 1.15f);
        var cloud = Vector3.Lerp(new Vector3(0.42f, 0.45f, 0.54f), new Vector3(1.65f, 1.52f, 1.38f), bright);
        var wisps = 0.4f * Noise.Step(0.5f, 0.85f, Noise.Fractal((x * 0.5f) + 9, z * 2.6f, 6, 131));
        colour = Vector3.Lerp(colour, new Vector3(1.25f, 1.2f, 1.15f), wisps * Noise.Step(0.02f, 0.2f, height));
        return Vector3.Lerp(colour, cloud, cover * Noise.Step(0.02f, 0.13f, height) * 0.95f);
    }

    private static Vector3 Water(Vector3 p, Vector3 ray, float travelled)
    {
        var calm = 1 / (1 + (travelled * 0.30f));
        float Wave(float x, float z) => Noise.Fractal(x * 2.2f, z * 7.5f, 4, 151) + (0.3f * Noise.Fractal(x * 9, z * 26, 3, 171));
        const float H = 0.01f;
        var slope = new Vector2(Wave(p.X + H, p.Z) - Wave(p.X - H, p.Z), Wave(p.X, p.Z + H) - Wave(p.X, p.Z - H)) / (2 * H);
        var normal = Vector3.Normalize(new Vector3(-slope.X * 0.005f, 1, -slope.Y * 0.006f * (0.35f + calm)));
        var bounce = Vector3.Reflect(ray, normal);
        bounce.Y = MathF.Abs(bounce.Y) + 0.002f;
        bounce = Vector3.Normalize(bounce);
        var seen = March(p + new Vector3(0, 0.004f, 0), bounce, Far, out var ground, out var further)
            ? Fade(Ground(ground, travelled + further), bounce, further)
            : Sky(bounce);
        var fresnel = 0.03f + (0.97f * MathF.Pow(1 - Math.Max(0, -Vector3.Dot(normal, ray)), 4));
        var depth = Math.Clamp(-Height(p.X, p.Z, 6) * 2.2f, 0, 1);
        var bed = Vector3.Lerp(new Vector3(0.20f, 0.19f, 0.13f), new Vector3(0.012f, 0.06f, 0.075f), MathF.Sqrt(depth));
        var foam = Noise.Step(0.020f, 0.004f, -Height(p.X, p.Z, 8)) * 0.35f;
        return Vector3.Lerp(bed, seen * new Vector3(0.88f, 0.93f, 0.95f), fresnel) + new Vector3(foam);
    }

    private static Vector3 Ground(Vector3 p, float travelled)
    {
        var h = 0.0012f * (1 + travelled);
        var normal = Slope(p, h, (x, z) => Surface(x, z, 11));
        var broad = Slope(p, 0.05f, (x, z) => Height(x, z, 6));
        var bare = p.Y - Height(p.X, p.Z, 9);
        var grain = Noise.Fractal(p.X * 9, p.Z * 9, 5, 201);
        var strata = Noise.Fractal((p.X * 0.8f) + (p.Y * 2), p.Y * 16, 4, 211);
        var rock = Vector3.Lerp(new Vector3(0.17f, 0.145f, 0.13f), new Vector3(0.42f, 0.37f, 0.33f), (0.5f * grain) + (0.5f * strata));
        var dry = Noise.Fractal(p.X * 4, p.Z * 4, 6, 221);
        var meadow = Vector3.Lerp(new Vector3(0.10f, 0.145f, 0.03f), new Vector3(0.36f, 0.33f, 0.10f), dry);
        var colour = Vector3.Lerp(rock, meadow, Noise.Step(0.60f, 0.80f, broad.Y) * Noise.Step(3.2f, 1.8f, p.Y + grain));
        colour = Vector3.Lerp(new Vector3(0.34f, 0.29f, 0.22f) * (0.6f + (0.8f * grain)), colour, Noise.Step(0.02f, 0.08f, p.Y));
        if (bare > 0.012f)
        {
            var species = Noise.Hash((int)MathF.Floor(p.X * 9), (int)MathF.Floor(p.Z * 9), 33);
            colour = Vector3.Lerp(new Vector3(0.018f, 0.055f, 0.022f), new Vector3(0.10f, 0.15f, 0.035f), species * species);
            colour *= 0.5f + (6 * Math.Min(0.12f, bare));
        }
        else
        {
            var snow = Noise.Step(2.0f, 2.9f, p.Y + (2.0f * (grain - 0.5f))) * Noise.Step(0.34f, 0.58f, broad.Y + (0.25f * (grain - 0.5f)));
            colour = Vector3.Lerp(colour, new Vector3(0.92f, 0.94f, 0.98f), snow);
        }

        var sun = Math.Max(0, Vector3.Dot(normal, _sun));
        var lit = sun > 0 ? Shadow(p) : 0;
        var ambient = new Vector3(0.26f, 0.33f, 0.46f) * (0.55f + (0.45f * normal.Y));
        return colour * ((_sunlight * (1.25f * sun * lit)) + ambient);
    }

    private static Vector3 Slope(Vector3 p, float h, Func<float, float, float> height)
        => Vector3.Normalize(new Vector3(height(p.X - h, p.Z) - height(p.X + h, p.Z), 2 * h, height(p.X, p.Z - h) - height(p.X, p.Z + h)));

    private static float Shadow(Vector3 from)
    {
        var (light, travelled) = (1f, 0.06f);
        for (var k = 0; k < 36 && travelled < 9; k++)
        {
            var p = from + (_sun * travelled);
            light = Math.Min(light, 0.5f + (9 * (p.Y - Height(p.X, p.Z, 6)) / travelled));
            if (light <= 0)
                return 0;
            travelled *= 1.16f;
        }

        return Math.Min(1, light);
    }

    private static bool March(Vector3 from, Vector3 ray, float end, out Vector3 point, out float travelled)
    {
        travelled = 0.25f;
        var previous = travelled;
        for (var k = 0; k < 220 && travelled < end; k++)
        {
            point = from + (ray * travelled);
            if (point.Y > 9 && ray.Y > 0)
                break;
            var gap = point.Y - Surface(point.X, point.Z, 8);
            if (gap < 0.0006f * travelled)
            {
                travelled = Bisect(from, ray, previous, travelled);
                point = from + (ray * travelled);
                return point.Y > -0.001f;
            }

            previous = travelled;
            travelled += Math.Max(gap * 0.36f, 0.0025f * travelled);
        }

        point = default;
        return false;
    }

    private static float Bisect(Vector3 from, Vector3 ray, float above, float below)
    {
        for (var k = 0; k < 7; k++)
        {
            var middle = 0.5f * (above + below);
            var p = from + (ray * middle);
            (above, below) = p.Y > Surface(p.X, p.Z, 8) ? (middle, below) : (above, middle);
        }

        return below;
    }

    /// <summary>The bare ground, zero at the level of the lake.</summary>
    private static float Height(float x, float z, int octaves)
    {
        var ridged = 0f;
        var (px, pz, amplitude) = ((x * 0.17f) + 5.3f, (z * 0.17f) + 1.7f, 1f);
        for (var k = 0; k < octaves; k++)
        {
            var ridge = 1 - MathF.Abs((2 * Noise.Value(px, pz, 301 + k)) - 1);
            ridged += amplitude * ridge * ridge;
            amplitude *= 0.46f;
            (px, pz) = ((1.66f * px) - (1.22f * pz), (1.22f * px) + (1.66f * pz));
        }

        var hills = Noise.Fractal(x * 0.5f, z * 0.5f, Math.Min(octaves, 6), 331);
        var away = Noise.Step(7.5f, 19, z + (1.0f * MathF.Abs(x)));
        var shore = Noise.Step(5.0f, 8.5f, z + (0.35f * MathF.Abs(x)) + (2.2f * (hills - 0.5f)));
        var range = 0.55f + (0.45f * Noise.Value(x * 0.11f, z * 0.11f, 341));
        return -0.28f + (shore * ((0.40f * hills) + 0.22f)) + (away * 4.6f * ridged * range);
    }

    /// <summary>The ground with its forest: one cone in each cell, where trees can stand.</summary>
    private static float Surface(float x, float z, int octaves)
    {
        var ground = Height(x, z, octaves);
        if (ground is < 0.05f or > 2.3f)
            return ground;
        const float Cells = 9;
        var (ix, iz) = ((int)MathF.Floor(x * Cells), (int)MathF.Floor(z * Cells));
        var tallest = 0f;
        for (var k = 0; k < 9; k++)
        {
            var (cx, cz) = (ix + (k % 3) - 1, iz + (k / 3) - 1);
            var tx = (cx + 0.2f + (0.6f * Noise.Hash(cx, cz, 1))) / Cells;
            var tz = (cz + 0.2f + (0.6f * Noise.Hash(cx, cz, 2))) / Cells;
            var wood = Noise.Fractal(tx * 0.8f, tz * 0.8f, 3, 351) - (0.14f * Math.Max(0, ground - 1.0f));
            if (wood < 0.40f)
                continue;
            var size = 0.10f + (0.13f * Noise.Hash(cx, cz, 3));
            var around = MathF.Sqrt(((x - tx) * (x - tx)) + ((z - tz) * (z - tz)));
            tallest = Math.Max(tallest, size * (1 - (around / (0.30f * size))));
        }

        return ground + tallest;
    }
}
