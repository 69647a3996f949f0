using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Posterior.Torch.Weights.Pickle;

/// <summary>The text encodings of the pickle format.</summary>
internal static class PickleText
{
    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes UTF-8; fails where it is not valid.</summary>
    public static bool TryUtf8(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out string? text)
    {
        text = System.Text.Unicode.Utf8.IsValid(bytes) ? _strictUtf8.GetString(bytes) : null;
        return text is not null;
    }

    /// <summary>Decodes Latin-1: each byte is the character of that number.</summary>
    public static string Latin1(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    /// <summary>Decodes ASCII; other bytes become question marks.</summary>
    public static string Ascii(ReadOnlySpan<byte> bytes) => Encoding.ASCII.GetString(bytes);

    /// <summary>Decodes the argument of STRING: a quoted Python 2 literal with backslash escapes. Null where it is malformed.</summary>
    public static string? Quoted(ReadOnlySpan<byte> line)
    {
        if (line.Length < 2 || line[0] != line[^1] || line[0] is not ((byte)'\'' or (byte)'"'))
            return null;
        return Unescape(Latin1(line[1..^1]), static (code, digits) => code switch
        {
            'x' when digits.Length >= 2 => 2,
            _ => 0,
        }, simpleEscapes: true);
    }

    /// <summary>Decodes the argument of UNICODE: Latin-1 with <c>\uXXXX</c> and <c>\UXXXXXXXX</c>. Null where it is malformed.</summary>
    public static string? RawUnicode(ReadOnlySpan<byte> line) => Unescape(Latin1(line), static (code, digits) => code switch
    {
        'u' when digits.Length >= 4 => 4,
        'U' when digits.Length >= 8 => 8,
        _ => 0,
    }, simpleEscapes: false);

    private delegate int DigitCount(char code, ReadOnlySpan<char> digits);

    private static string? Unescape(string source, DigitCount digitCount, bool simpleEscapes)
    {
        var text = new StringBuilder(source.Length);
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] != '\\' || i + 1 == source.Length)
            {
                text.Append(source[i]);
                continue;
            }

            var code = source[++i];
            var digits = source.AsSpan(i + 1);
            if (digitCount(code, digits) is > 0 and var count)
            {
                if (!uint.TryParse(digits[..count], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                    || !Rune.IsValid(value))
                {
                    return null;
                }

                text.Append(new Rune(value).ToString());
                i += count;
            }
            else if (simpleEscapes)
            {
                if (Simple(code) is not { } character)
                    return null;
                text.Append(character);
            }
            else
            {
                text.Append('\\').Append(code);
            }
        }

        return text.ToString();
    }

    private static char? Simple(char code) => code switch
    {
        '\\' or '\'' or '"' => code,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'a' => '\a',
        'b' => '\b',
        'f' => '\f',
        'v' => '\v',
        _ => null,
    };
}
