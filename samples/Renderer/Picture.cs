using System.Numerics;

namespace Posterior.Samples;

/// <summary>A square picture in linear light, RGB, rows from the top.</summary>
internal sealed class Picture(int size)
{
    private readonly Vector3[] _pixels = new Vector3[size * size];

    /// <summary>Width and height in pixels.</summary>
    public int Size => size;

    /// <summary>The linear colour of a pixel.</summary>
    public ref Vector3 this[int x, int y] => ref _pixels[(y * size) + x];

    /// <summary>
    /// Renders a function of the position, (0, 0) at the top left and (1, 1) at the bottom right, with <paramref name="samples"/> squared
    /// points a pixel on a regular grid.
    /// </summary>
    public static Picture Trace(int size, int samples, Func<float, float, Vector3> colour)
    {
        var picture = new Picture(size);
        var step = 1f / (size * samples);
        Parallel.For(0, size, y =>
        {
            for (var x = 0; x < size; x++)
            {
                var sum = Vector3.Zero;
                for (var k = 0; k < samples * samples; k++)
                {
                    var u = ((x * samples) + (k % samples) + 0.5f) * step;
                    var v = ((y * samples) + (k / samples) + 0.5f) * step;
                    // Clamping each sample keeps the edge of a highlight smooth.
                    sum += Vector3.Clamp(colour(u, v), Vector3.Zero, new Vector3(1.5f));
                }

                picture[x, y] = sum / (samples * samples);
            }
        });
        return picture;
    }

    /// <summary>The mean of each block of <paramref name="factor"/> x <paramref name="factor"/> pixels.</summary>
    public Picture Shrink(int factor)
    {
        var small = new Picture(size / factor);
        for (var y = 0; y < small.Size * factor; y++)
        {
            for (var x = 0; x < small.Size * factor; x++)
                small[x / factor, y / factor] += this[x, y] / (factor * factor);
        }

        return small;
    }

    /// <summary>The sRGB bytes of all pixels, three a pixel.</summary>
    public byte[] ToSrgb()
    {
        var bytes = new byte[size * size * 3];
        for (var i = 0; i < bytes.Length; i++)
        {
            var linear = Math.Clamp(_pixels[i / 3][i % 3], 0f, 1f);
            var encoded = linear <= 0.0031308f ? 12.92f * linear : (1.055f * MathF.Pow(linear, 1 / 2.4f)) - 0.055f;
            bytes[i] = (byte)MathF.Round(encoded * 255);
        }

        return bytes;
    }
}
