using System.Numerics;

namespace Posterior.Samples;

/// <summary>
/// A ray-marched still life: a glazed vase, a gold ring, a marble ball, a mossy stone and a wooden crate on polished tiles before a
/// brick wall, with soft shadows, ambient occlusion and reflections.
/// </summary>
internal static class StillLife
{
    private const float Far = 14;
    private static readonly Vector3 _eye = new(0.35f, 1.75f, -4.6f);
    private static readonly Vector3 _sun = Vector3.Normalize(new Vector3(-0.82f, 0.70f, -0.42f));
    private static readonly Vector3 _sunlight = new(2.75f, 2.3f, 1.7f);

    /// <summary>Renders the scene.</summary>
    public static Picture Render(int size)
    {
        var forward = Vector3.Normalize(new Vector3(-0.06f, 0.66f, 0.2f) - _eye);
        var right = Vector3.Normalize(Vector3.Cross(Vector3.UnitY, forward));
        var up = Vector3.Cross(forward, right);
        return Picture.Trace(size, 4, (u, v) =>
        {
            var ray = Vector3.Normalize((forward * 2.75f) + (right * ((2 * u) - 1)) + (up * (1 - (2 * v))));
            var light = Look(_eye, ray, depth: 2);
            var vignette = 1 - (0.35f * (((u - 0.5f) * (u - 0.5f)) + ((v - 0.5f) * (v - 0.5f))));
            return ToneMap(light * vignette);
        });
    }

    private static Vector3 ToneMap(Vector3 light) => light * 1.08f / (Vector3.One + (light * 0.42f));

    // ---- light ----

    private static Vector3 Look(Vector3 from, Vector3 ray, int depth)
    {
        if (!March(from, ray, out var point, out var thing))
            return Sky(ray);
        var normal = Normal(point, thing);
        var surface = Materials.At(thing, point, normal);
        normal = surface.Normal;
        var sun = Math.Max(0, Vector3.Dot(normal, _sun));
        var lit = sun > 0 ? Shadow(point + (normal * 0.01f)) : 0;
        var open = Openness(point, normal);
        var ambient = Vector3.Lerp(new Vector3(0.20f, 0.16f, 0.13f), new Vector3(0.30f, 0.36f, 0.46f), 0.5f + (0.5f * normal.Y)) * open;
        var colour = surface.Colour * (1 - surface.Metal) * ((_sunlight * (sun * lit)) + ambient);

        var half = Vector3.Normalize(_sun - ray);
        var highlight = MathF.Pow(Math.Max(0, Vector3.Dot(normal, half)), surface.Gloss) * surface.Gloss / 40 * lit;
        var facing = Math.Max(0, -Vector3.Dot(normal, ray));
        var fresnel = surface.Mirror + ((1 - surface.Mirror) * MathF.Pow(1 - facing, 5) * MathF.Min(1, surface.Mirror * 12));
        var tint = Vector3.Lerp(Vector3.One, surface.Colour, surface.Metal);
        colour += tint * _sunlight * (highlight * fresnel);
        if (fresnel > 0.015f)
        {
            var bounce = Vector3.Reflect(ray, normal);
            var seen = depth > 0 ? Look(point + (normal * 0.01f), bounce, depth - 1) : Sky(bounce);
            colour += tint * seen * (fresnel * (0.35f + (0.65f * open)));
        }

        return colour;
    }

    /// <summary>The room that is behind the camera, as reflections see it: a bright window and dim walls.</summary>
    private static Vector3 Sky(Vector3 ray)
    {
        var high = Math.Clamp(ray.Y + 0.3f, 0, 1);
        var colour = Vector3.Lerp(new Vector3(0.20f, 0.16f, 0.13f), new Vector3(0.42f, 0.47f, 0.55f), high);
        if (ray.Z < -0.05f)
        {
            var (x, y) = (ray.X / -ray.Z, ray.Y / -ray.Z);
            var inside = Noise.Step(-1.7f, -1.64f, x) * Noise.Step(-0.36f, -0.42f, x);
            inside *= Noise.Step(0.3f, 0.36f, y) * Noise.Step(1.5f, 1.44f, y);
            var bar = Noise.Step(0.03f, 0.06f, MathF.Abs(x + 1.03f)) * Noise.Step(0.03f, 0.06f, MathF.Abs(y - 0.9f));
            colour += new Vector3(4.6f, 5.0f, 5.4f) * (inside * bar);
        }

        return colour;
    }

    private static float Shadow(Vector3 from)
    {
        var (light, distance) = (1f, 0.03f);
        for (var k = 0; k < 48 && distance < 6; k++)
        {
            var gap = Distance(from + (_sun * distance)).Distance;
            light = Math.Min(light, 11 * gap / distance);
            if (light < 0.005f)
                return 0;
            distance += Math.Clamp(gap, 0.02f, 0.35f);
        }

        return Noise.Step(0, 1, light);
    }

    private static float Openness(Vector3 point, Vector3 normal)
    {
        var (hidden, weight) = (0f, 1f);
        for (var k = 1; k <= 5; k++)
        {
            var reach = 0.07f * k;
            hidden += (reach - Distance(point + (normal * reach)).Distance) * weight;
            weight *= 0.72f;
        }

        return Math.Clamp(1 - (1.35f * hidden), 0.08f, 1);
    }

    // ---- shape ----

    private static bool March(Vector3 from, Vector3 ray, out Vector3 point, out Thing thing)
    {
        var travelled = 0f;
        for (var k = 0; k < 110 && travelled < Far; k++)
        {
            point = from + (ray * travelled);
            (var gap, thing) = Distance(point);
            if (gap < 0.0007f * (1 + travelled))
                return true;
            travelled += gap * 0.9f;
        }

        (point, thing) = (default, default);
        return false;
    }

    private static Vector3 Normal(Vector3 p, Thing thing)
    {
        const float H = 0.0012f;
        if (thing == Thing.Floor)
            return Vector3.UnitY;
        float At(float x, float y, float z) => Distance(p + new Vector3(x, y, z)).Distance;
        return Vector3.Normalize(new Vector3(At(H, 0, 0) - At(-H, 0, 0), At(0, H, 0) - At(0, -H, 0), At(0, 0, H) - At(0, 0, -H)));
    }

    private static (float Distance, Thing Thing) Distance(Vector3 p)
    {
        var best = (Distance: p.Y, Thing: Thing.Floor);
        void Add(float distance, Thing thing)
        {
            if (distance < best.Distance)
                best = (distance, thing);
        }

        Add(2.1f - p.Z, Thing.Wall);
        Add(Vase(p - new Vector3(-1.02f, 0, 0.55f)), Thing.Vase);
        Add(Ring(p - new Vector3(0.02f, 0.40f, -0.55f)), Thing.Ring);
        Add((p - new Vector3(0.86f, 0.36f, -0.75f)).Length() - 0.36f, Thing.Ball);
        Add(Stone(p - new Vector3(-0.95f, 0.20f, -0.95f)), Thing.Stone);
        Add(Crate(Materials.ToCrate(p)), Thing.Crate);
        return best;
    }

    private static float Vase(Vector3 p)
    {
        var around = MathF.Sqrt((p.X * p.X) + (p.Z * p.Z));
        if (around > 0.9f || p.Y > 2.1f)
            return Math.Max(around - 0.7f, p.Y - 1.75f);
        var t = Math.Clamp(p.Y / 1.55f, 0, 1);
        var belly = 0.30f * MathF.Sin((2.35f * MathF.Pow(t, 0.75f)) + 0.25f);
        var radius = 0.24f + belly - (0.14f * Noise.Step(0.62f, 0.86f, t)) + (0.10f * Noise.Step(0.88f, 1, t));
        var wall = MathF.Abs(around - radius) - 0.025f;
        return Math.Max(p.Y > 0.12f ? wall : around - radius, p.Y - 1.55f) * 0.75f;
    }

    private static float Ring(Vector3 p)
    {
        // Leaning back a little and turned towards the window.
        p = Vector3.Transform(p, Quaternion.CreateFromYawPitchRoll(0.5f, -0.28f, 0));
        var across = MathF.Sqrt((p.X * p.X) + (p.Y * p.Y)) - 0.32f;
        return MathF.Sqrt((across * across) + (p.Z * p.Z)) - 0.085f;
    }

    private static float Stone(Vector3 p)
    {
        var rough = (p * new Vector3(0.92f, 1.35f, 1)).Length() - 0.32f;
        return rough > 0.25f ? rough * 0.7f : (rough - (0.16f * (Noise.Fractal(p * 5, 4) - 0.5f))) * 0.55f;
    }

    private static float Crate(Vector3 p)
    {
        var corner = Vector3.Abs(p) - new Vector3(0.5f);
        var box = Vector3.Max(corner, Vector3.Zero).Length() + Math.Min(0, Math.Max(corner.X, Math.Max(corner.Y, corner.Z))) - 0.02f;
        if (box > 0.1f)
            return box;
        // Boards of a fifth of the side, parted by grooves, inside a frame.
        var board = (p.Y + 0.5f) * 5;
        var groove = MathF.Abs(board - MathF.Floor(board) - 0.5f);
        var frame = Math.Max(MathF.Abs(p.Y), Math.Min(MathF.Abs(p.X), MathF.Abs(p.Z)));
        var edge = frame > 0.40f || (MathF.Abs(p.X) > 0.40f && MathF.Abs(p.Z) > 0.40f);
        return box + (edge ? 0 : 0.035f + (0.02f * Noise.Step(0.44f, 0.5f, groove)));
    }
}
