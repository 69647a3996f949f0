using System.Globalization;
using System.Text;
using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>The header of a NumPy array file: a Python dictionary with exactly the keys <c>descr</c>, <c>fortran_order</c> and <c>shape</c>.</summary>
internal sealed class NpyHeader
{
    private const int MostDimensions = 16;

    private NpyHeader(string description, bool fortranOrder, long[] shape, string path)
    {
        (Description, FortranOrder, Shape) = (description, fortranOrder, shape);
        if (description.Contains('O')) throw new ImageException($"array '{path}' holds Python objects, which would have to be executed; save numbers instead");
        if (description is not ['<' or '>' or '|' or '=', _, ..] || TypeOf(description[1..]) is not { } type || (description[0] == '|' && type.Size > 1))
            throw new ImageException($"array '{path}' is of type '{description}'; known are b1, i1, i2, i4, i8, u1, u2, u4, f2, f4, f8, c8, c16");
        (Stored, Size) = (type.DType, type.Size);
        try
        {
            var count = 1L;
            foreach (var size in shape) count = checked(count * size);
            Bytes = checked(count * Size);
        }
        catch (OverflowException)
        {
            throw new ImageException($"array '{path}' declares an impossible shape of {ShapeText}");
        }
    }

    /// <summary>NumPy's name of the type, with its byte order.</summary>
    public string Description { get; }

    /// <summary>Whether the first index runs fastest.</summary>
    public bool FortranOrder { get; }

    /// <summary>The size of each dimension.</summary>
    public long[] Shape { get; }

    /// <summary>The shape as Python writes it.</summary>
    public string ShapeText => $"({string.Join(", ", Shape)}{(Shape.Length == 1 ? "," : "")})";

    /// <summary>The size of the data.</summary>
    public long Bytes { get; }

    private int Size { get; }

    private DType Stored { get; }

    /// <summary>Parses the dictionary.</summary>
    /// <exception cref="ImageException">It is anything but the three keys with literals of their types.</exception>
    public static NpyHeader Parse(ReadOnlySpan<byte> header, string path)
    {
        var text = Encoding.UTF8.GetString(header);
        var position = 0;
        string? description = null;
        bool? fortran = null;
        long[]? shape = null;
        Expect('{');
        while (!Accept('}'))
        {
            var key = Quoted();
            Expect(':');
            switch (key)
            {
                case "descr" when description is null:
                    description = Quoted();
                    break;
                case "fortran_order" when fortran is null:
                    fortran = Word() switch { "True" => true, "False" => false, _ => throw Bad() };
                    break;
                case "shape" when shape is null:
                    shape = Tuple();
                    break;
                default:
                    throw Bad();
            }
            if (!Accept(','))
            {
                Expect('}');
                break;
            }
        }
        Blanks();
        if (position != text.Length || description is null || fortran is null || shape is null) throw Bad();
        return new(description, fortran.Value, shape, path);

        ImageException Bad() => new($"array '{path}' has a malformed header near character {position}: expected 'descr' (a plain type), 'fortran_order' and 'shape'");

        void Blanks()
        {
            while (position < text.Length && text[position] is ' ' or '\n' or '\t' or '\r') position++;
        }

        bool Accept(char c)
        {
            Blanks();
            if (position >= text.Length || text[position] != c) return false;
            position++;
            return true;
        }

        void Expect(char c)
        {
            if (!Accept(c)) throw Bad();
        }

        string Quoted()
        {
            Blanks();
            if (position >= text.Length || text[position] is not ('\'' or '"')) throw Bad();
            var end = text.IndexOf(text[position], position + 1);
            if (end < 0) throw Bad();
            var value = text[(position + 1)..end];
            // No escapes: no type needs one.
            if (value.Contains('\\')) throw Bad();
            position = end + 1;
            return value;
        }

        string Word()
        {
            Blanks();
            var start = position;
            while (position < text.Length && char.IsAsciiLetterOrDigit(text[position])) position++;
            return text[start..position];
        }

        long[] Tuple()
        {
            List<long> sizes = [];
            Expect('(');
            while (!Accept(')'))
            {
                // Python 2 wrote long integers with an L.
                if (!long.TryParse(Word().TrimEnd('L'), NumberStyles.None, CultureInfo.InvariantCulture, out var size) || sizes.Count == MostDimensions) throw Bad();
                sizes.Add(size);
                if (Accept(',')) continue;
                Expect(')');
                break;
            }
            return [.. sizes];
        }
    }

    /// <summary>NumPy's little-endian name of a type; null when it has none.</summary>
    public static string? Describe(DType dtype) => dtype switch
    {
        DType.Bool => "|b1",
        DType.UInt8 => "|u1",
        DType.Int8 => "|i1",
        DType.Int16 => "<i2",
        DType.Int32 => "<i4",
        DType.Int64 => "<i8",
        DType.Float16 => "<f2",
        DType.Float32 => "<f4",
        DType.Float64 => "<f8",
        DType.Complex64 => "<c8",
        DType.Complex128 => "<c16",
        _ => null,
    };

    /// <summary>The bytes of a file before the data: version 1, padded so that the data begin at a multiple of 64.</summary>
    public static byte[] Format(string description, ReadOnlySpan<long> shape)
    {
        var sizes = shape.Length == 1 ? $"{shape[0]}," : string.Join(", ", shape.ToArray());
        var dictionary = string.Create(CultureInfo.InvariantCulture, $"{{'descr': '{description}', 'fortran_order': False, 'shape': ({sizes}), }}");
        var total = (10 + dictionary.Length + 1 + 63) / 64 * 64;
        var length = total - 10;
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)length, (byte)(length >> 8), .. Encoding.ASCII.GetBytes(dictionary.PadRight(length - 1) + "\n")];
    }

    /// <summary>The array of the bytes that follow the header.</summary>
    public Tensor ToTensor(byte[] data)
    {
        if (Description[0] == '>') Reverse(data, Description[1] == 'c' ? Size / 2 : Size);
        using var scope = new Scope();
        var shape = FortranOrder ? [.. Shape.Reverse()] : Shape;
        var tensor = Description[1..] switch
        {
            "b1" => Tensor.FromBytes(data, DType.UInt8, shape).NotEqual(0),
            "u2" => Unwrap(Tensor.FromBytes(data, DType.Int16, shape).To(DType.Int32), 1 << 16),
            "u4" => Unwrap(Tensor.FromBytes(data, DType.Int32, shape).To(DType.Int64), 1L << 32),
            _ => Tensor.FromBytes(data, Stored, shape),
        };
        return scope.Keep(FortranOrder ? tensor.Permute([.. Enumerable.Range(0, shape.Length).Select(i => (long)(shape.Length - 1 - i))]).Clone().Contiguous() : tensor);
    }

    // Unsigned integers read as signed ones of their size: the upper half came out negative.
    private static Tensor Unwrap(Tensor values, long range) => values + (values.Less(0).To(values.DType) * range).To(values.DType);

    private static void Reverse(byte[] data, int size)
    {
        for (var i = 0; i + size <= data.Length; i += size) data.AsSpan(i, size).Reverse();
    }

    private static (DType DType, int Size)? TypeOf(string name) => name switch
    {
        "b1" => (DType.Bool, 1),
        "u1" => (DType.UInt8, 1),
        "i1" => (DType.Int8, 1),
        "i2" => (DType.Int16, 2),
        "u2" => (DType.Int32, 2),
        "i4" => (DType.Int32, 4),
        "u4" => (DType.Int64, 4),
        "i8" => (DType.Int64, 8),
        "f2" => (DType.Float16, 2),
        "f4" => (DType.Float32, 4),
        "f8" => (DType.Float64, 8),
        "c8" => (DType.Complex64, 8),
        "c16" => (DType.Complex128, 16),
        _ => null,
    };
}
