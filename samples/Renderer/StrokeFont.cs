using System.Numerics;

namespace Posterior.Samples;

/// <summary>
/// A small stroke font drawn for the samples. A glyph is its width, then its strokes. A stroke is pairs of digits, a point each: x to the
/// right, y upwards, descenders reach 0, the baseline is 2, an x reaches 6 and a capital 8. After a tilde the points lie on a smooth curve.
/// </summary>
internal static class StrokeFont
{
    private const float Baseline = 2;
    private const float CapHeight = 6;
    private const float Gap = 1.6f;
    private const float Space = 2.6f;

    private static readonly Dictionary<char, string> _glyphs = new()
    {
        ['A'] = "4 022842 1434",
        ['B'] = "4 0208 ~082837362505 ~052544433202",
        ['C'] = "4 ~4738180604123243",
        ['D'] = "4 0208 ~082846442202",
        ['E'] = "3 38080232 0525",
        ['F'] = "3 380802 0525",
        ['G'] = "4 ~4738180604123243 434525",
        ['H'] = "4 0208 4248 0545",
        ['I'] = "0 0208",
        ['J'] = "3 ~3834221203",
        ['K'] = "4 0208 4804 1542",
        ['L'] = "3 080232",
        ['M'] = "4 0208244842",
        ['N'] = "4 02084248",
        ['O'] = "4 ~183846443212040618",
        ['P'] = "4 0208 ~082847462505",
        ['Q'] = "4 ~183846443212040618 2441",
        ['R'] = "4 0208 ~082847462505 2542",
        ['S'] = "4 ~47381807153543321203",
        ['T'] = "4 0848 2822",
        ['U'] = "4 ~080412324448",
        ['V'] = "4 082248",
        ['W'] = "6 0812375268",
        ['X'] = "4 0248 0842",
        ['Y'] = "4 082548 2522",
        ['Z'] = "4 08480242",
        ['a'] = "3 3632 ~3526160503122233",
        ['b'] = "3 0208 ~0516263533221203",
        ['c'] = "3 ~3526160503122233",
        ['d'] = "3 3832 ~3526160503122233",
        ['e'] = "3 0434 ~343526160503122233",
        ['f'] = "2 ~281712 0626",
        ['g'] = "3 ~3526160503122233 ~3631201001",
        ['h'] = "3 0208 ~0516263532",
        ['i'] = "0 0206 0808",
        ['j'] = "1 ~161100 1818",
        ['k'] = "3 0208 3604 1532",
        ['l'] = "0 0208",
        ['m'] = "4 0206 ~05162522 ~25364542",
        ['n'] = "3 0206 ~0516263532",
        ['o'] = "3 ~162635332212030516",
        ['p'] = "3 0600 ~0516263533221203",
        ['q'] = "3 3630 ~3526160503122233",
        ['r'] = "2 0206 ~041526",
        ['s'] = "3 ~35261605142433221203",
        ['t'] = "2 ~181322 0626",
        ['u'] = "3 3632 ~0603122233",
        ['v'] = "2 061226",
        ['w'] = "4 0612253246",
        ['x'] = "3 0632 0236",
        ['y'] = "2 0612 2600",
        ['z'] = "3 06360232",
        ['0'] = "3 ~182836342212040618",
        ['1'] = "1 071812",
        ['2'] = "3 ~071828373502 0232",
        ['3'] = "3 ~07182837362515 ~15253433221203",
        ['4'] = "3 22280434",
        ['5'] = "3 380805 ~0515253433221203",
        ['6'] = "3 ~2817050312223334251504",
        ['7'] = "3 083812",
        ['8'] = "3 ~150607182837362515 ~150403122233342515",
        ['9'] = "3 ~1223353728180706152536",
        ['.'] = "0 0202",
        [','] = "1 1201",
        [':'] = "0 0303 0606",
        ['-'] = "2 0525",
        ['+'] = "4 0545 2723",
        ['='] = "3 0434 0636",
        ['/'] = "3 0238",
        ['\''] = "0 0806",
        ['!'] = "0 0804 0202",
        ['('] = "1 ~18060412",
        [')'] = "1 ~08161402",
        ['|'] = "0 0109",
    };

    /// <summary>The width of a line of text whose capitals are one high.</summary>
    public static float Width(string text) => (text.Sum(Advance) - Gap) / CapHeight;

    /// <summary>
    /// The strokes of a line of text as polylines, on a baseline that starts at the origin and runs to the right, with y downwards and
    /// capitals one high.
    /// </summary>
    /// <exception cref="ArgumentException">A letter has no glyph.</exception>
    public static IEnumerable<List<Vector2>> Strokes(string text)
    {
        var pen = 0f;
        foreach (var letter in text)
        {
            foreach (var stroke in letter == ' ' ? [] : Glyph(letter).Split(' ').Skip(1))
            {
                var points = Points(stroke.TrimStart('~'));
                var line = stroke[0] == '~' ? Smooth(points) : points;
                yield return line.ConvertAll(p => new Vector2(p.X + pen, Baseline - p.Y) / CapHeight);
            }

            pen += Advance(letter);
        }
    }

    private static string Glyph(char letter)
        => _glyphs.TryGetValue(letter, out var glyph)
            ? glyph
            : throw new ArgumentException($"the sample font has no glyph for '{letter}'", nameof(letter));

    private static float Advance(char letter) => letter == ' ' ? Space : Glyph(letter)[0] - '0' + Gap;

    private static List<Vector2> Points(string digits)
        => [.. Enumerable.Range(0, digits.Length / 2).Select(k => new Vector2(digits[2 * k] - '0', digits[(2 * k) + 1] - '0'))];

    /// <summary>A Catmull-Rom curve through the points, closed where the last is the first.</summary>
    private static List<Vector2> Smooth(List<Vector2> points)
    {
        const int Steps = 8;
        var closed = points[0] == points[^1];
        Vector2 At(int k) => k < 0 ? points[closed ? ^2 : 0] : k >= points.Count ? points[closed ? 1 : ^1] : points[k];
        var curve = new List<Vector2> { points[0] };
        for (var k = 0; k + 1 < points.Count; k++)
        {
            var (a, b, c, d) = (At(k - 1), At(k), At(k + 1), At(k + 2));
            for (var step = 1; step <= Steps; step++)
            {
                var t = (float)step / Steps;
                var cubic = (3 * b) - a - (3 * c) + d;
                curve.Add(0.5f * ((2 * b) + ((c - a) * t) + (((2 * a) - (5 * b) + (4 * c) - d) * t * t) + (cubic * t * t * t)));
            }
        }

        return curve;
    }
}
