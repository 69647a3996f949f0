using System.Globalization;

namespace Posterior.Diffusion;

/// <summary>The text forms of "some of the times of a process" that published configurations use.</summary>
internal static class Respacing
{
    public static int[] Times(int count, string text)
    {
        if (text.StartsWith("ddim", StringComparison.Ordinal)) return Strided(count, Number(text, text[4..]));
        var sections = text.Split(',').Select(part => Number(text, part)).ToArray();
        var times = new List<int>();
        var start = 0;
        for (var i = 0; i < sections.Length; i++)
        {
            // The first sections take the remainder, one each.
            var size = count / sections.Length + (i < count % sections.Length ? 1 : 0);
            if (sections[i] > size) throw Refused(text, $"a section of {size} times has no {sections[i]}");
            // A running sum, not a product: its rounding is part of the published definition.
            var (position, stride) = (0.0, sections[i] > 1 ? (size - 1.0) / (sections[i] - 1) : 1);
            for (var k = 0; k < sections[i]; k++, position += stride) times.Add(start + (int)Math.Round(position, MidpointRounding.ToEven));
            start += size;
        }
        return [.. times];
    }

    private static int[] Strided(int count, int wanted)
    {
        for (var stride = 1; stride < count; stride++)
            if ((count - 1) / stride + 1 == wanted) return [.. Enumerable.Range(0, wanted).Select(i => i * stride)];
        throw Refused($"ddim{wanted}", $"no whole stride of {count} times gives exactly {wanted}");
    }

    private static int Number(string text, string part) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw Refused(text, "expected a number, numbers with commas, or ddim and a number");

    private static ArgumentException Refused(string text, string why) => new($"'{text}' is no spacing of time steps: {why}");
}
