using System.Numerics;

namespace Posterior.Samples;

/// <summary>The plants nearest to the viewer, painted at four times the resolution: two conifers and a bank of grass and flowers.</summary>
internal sealed class Foreground
{
    private const int Fine = 4;
    private readonly Brush _brush;
    private readonly int _size;

    /// <summary>Paints the plants.</summary>
    public Foreground(int size)
    {
        _size = size;
        _brush = new Brush(size * Fine);
        Conifer(0.885f, 0.97f, 0.86f, 1);
        Conifer(0.985f, 0.98f, 0.58f, 2);
        Conifer(0.045f, 0.955f, 0.40f, 3);
        Conifer(0.115f, 0.95f, 0.27f, 4);
        Grass();
    }

    /// <summary>The picture with the plants in front of it.</summary>
    public Picture Over(Picture view)
    {
        var layer = new Picture(_size * Fine);
        for (var y = 0; y < layer.Size; y++)
        {
            for (var x = 0; x < layer.Size; x++)
                layer[x, y] = Vector3.Lerp(view[x / Fine, y / Fine], _brush.Colour[x, y], _brush.Cover(x, y));
        }

        return layer.Shrink(Fine);
    }

    private void Conifer(float x, float foot, float height, int seed)
    {
        var bark = new Vector3(0.055f, 0.035f, 0.022f);
        _brush.Line(new Vector2(x, foot), new Vector2(x, foot - (height * 0.97f)), 0.012f * height, 0.001f, bark);
        const int Whorls = 31;
        for (var whorl = Whorls - 1; whorl >= 0; whorl--)
        {
            var level = 0.04f + (0.9f * whorl / Whorls);
            var start = new Vector2(x, foot - (height * (1.02f - level - (0.03f * Noise.Hash(seed, whorl, 10)))));
            for (var branch = 0; branch < 11; branch++)
            {
                float Random(int k) => Noise.Hash((seed * 131) + whorl, branch, k);
                var side = (2 * Random(1)) - 1;
                var reach = 0.25f * height * MathF.Pow(level, 0.8f);
                reach *= (0.35f + (0.65f * Random(2))) * (0.75f + (0.35f * Noise.Hash(seed, whorl, 9)));
                var from = start + new Vector2(0, 0.035f * height * (Random(5) - 0.5f));
                var tip = from + new Vector2(side * reach, (0.30f * reach) + (0.022f * height * (Random(3) - 0.4f)));
                var light = 0.35f + (0.65f * Math.Clamp(0.5f - (0.55f * side), 0, 1));
                Twig(from, tip, height, light * (0.7f + (0.6f * Random(4))), (seed * 1009) + (whorl * 17) + branch);
            }
        }
    }

    private void Twig(Vector2 start, Vector2 tip, float height, float light, int seed)
    {
        var shade = Vector3.Lerp(new Vector3(0.010f, 0.026f, 0.014f), new Vector3(0.115f, 0.165f, 0.05f), light * light);
        for (var k = 0; k <= 16; k++)
        {
            var at = Vector2.Lerp(start, tip, k / 16f);
            at.Y += 0.01f * height * MathF.Sin(k / 16f * 3.1f);
            var length = (0.007f + (0.013f * (1 - (k / 16f)))) * height * (0.6f + Noise.Hash(seed, k, 6));
            var lean = (Noise.Hash(seed, k, 7) - 0.5f) * 1.6f;
            var needle = new Vector2((lean + (Math.Sign(tip.X - start.X) * 0.6f)) * length, length * 0.8f);
            _brush.Line(at, at + needle, 0.0034f * height, 0.0008f, shade * (0.7f + (0.6f * Noise.Hash(seed, k, 8))));
        }
    }

    private void Grass()
    {
        const int Blades = 2600;
        for (var k = 0; k < Blades; k++)
        {
            float Random(int channel) => Noise.Hash(k, 77, channel);
            var depth = (float)k / Blades; // painted from the back to the front
            var x = (1.1f * Random(1)) - 0.05f;
            var bank = 0.955f - (0.075f * MathF.Pow(MathF.Abs(x - 0.46f) * 1.9f, 1.6f)) + (0.012f * MathF.Sin(x * 19));
            var foot = new Vector2(x, bank + (0.10f * depth) + 0.01f);
            var height = (0.016f + (0.034f * Random(2))) * (0.7f + (0.9f * depth));
            var bend = (Random(3) - 0.42f) * height;
            var middle = foot + new Vector2(bend * 0.3f, -height * 0.6f);
            var tip = foot + new Vector2(bend, -height);
            var colour = Vector3.Lerp(new Vector3(0.020f, 0.045f, 0.010f), new Vector3(0.26f, 0.30f, 0.055f), Random(4) * Random(5));
            colour = Random(6) > 0.86f ? Vector3.Lerp(colour, new Vector3(0.50f, 0.40f, 0.16f), 0.7f) : colour;
            _brush.Line(foot, middle, 0.0026f, 0.0020f, colour * 0.75f);
            _brush.Line(middle, tip, 0.0020f, 0.0006f, colour * 1.25f);
            if (Random(7) > 0.965f)
            {
                var petals = Random(8) > 0.5f ? new Vector3(0.80f, 0.10f, 0.06f) : new Vector3(0.92f, 0.78f, 0.14f);
                _brush.Line(tip, tip, 0.0068f, 0.0068f, petals);
                _brush.Line(tip, tip + new Vector2(0.001f, 0.001f), 0.0026f, 0.0026f, new Vector3(0.10f, 0.05f, 0.02f));
            }
        }
    }
}
