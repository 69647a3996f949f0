using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Masks for <see cref="Inpainting"/>, <c>[H, W]</c>: 1 is known, 0 is missing.</summary>
public static class Masks
{
    /// <summary>Random pixels are missing, the same ones on every machine.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="missing">The fraction of missing pixels, from 0 to 1; exact up to rounding to whole pixels.</param>
    /// <param name="seed">Chooses the pixels.</param>
    /// <exception cref="OperatorException">The fraction is out of range.</exception>
    public static Tensor Random(ImageShape shape, double missing, ulong seed)
    {
        if (!(missing is >= 0 and <= 1)) throw new OperatorException($"a fraction of missing pixels is from 0 to 1, found {Text.Of(missing)}");
        var count = checked((int)(shape.Height * shape.Width));
        var mask = new double[count];
        Array.Fill(mask, 1);
        foreach (var pixel in RandomOrder.Of(count, seed).AsSpan(0, (int)Math.Round(missing * count))) mask[pixel] = 0;
        return Tensor.From(mask, shape.Height, shape.Width);
    }

    /// <summary>A rectangle is missing.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="x">The left column.</param>
    /// <param name="y">The top row.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="OperatorException">The rectangle is empty or not inside the image.</exception>
    public static Tensor Box(ImageShape shape, long x, long y, long width, long height)
    {
        if (x < 0 || y < 0 || width < 1 || height < 1 || x + width > shape.Width || y + height > shape.Height)
            throw new OperatorException($"the box x={x} y={y} w={width} h={height} is not inside the image of {shape.Width} columns x {shape.Height} rows");
        var mask = Tensor.Ones([shape.Height, shape.Width], DType.Float64);
        using var scope = new Scope();
        mask.Narrow(0, y, height).Narrow(1, x, width).Zero();
        return mask;
    }

    /// <summary>Lines of text are missing, repeated until they cover the image.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="words">Letters A to Z (of either case), digits, spaces and <c>. , ! ? - :</c></param>
    /// <param name="size">The height of letters in pixels, rounded down to a multiple of 7, at least 7; null takes an eighth of the image's height.</param>
    /// <exception cref="OperatorException">There are no words, or a letter is unknown.</exception>
    public static Tensor Lettered(ImageShape shape, string words, int? size = null)
    {
        var text = words.ToUpperInvariant().Trim();
        if (text.Length == 0) throw new OperatorException("a text mask needs words");
        if (text.FirstOrDefault(letter => !Lettering.Has(letter)) is var unknown and not '\0')
            throw new OperatorException($"a text mask is written with letters A-Z, digits and . , ! ? - :, found '{unknown}'");
        text += ' ';
        var dot = Math.Max(1, (size ?? shape.Height / 8) / Lettering.Height);
        var (letterWidth, line) = (dot * Lettering.Advance, dot * (Lettering.Height * 2));
        var perLine = (shape.Width + letterWidth - 1) / letterWidth;
        var mask = new double[shape.Height * shape.Width];
        for (var y = 0L; y < shape.Height; y++)
        {
            var row = (int)(y % line / dot);
            for (var x = 0L; x < shape.Width; x++)
            {
                var letter = text[(int)((y / line * perLine + x / letterWidth) % text.Length)];
                var set = row < Lettering.Height && Lettering.Dot(letter, row, (int)(x % letterWidth / dot));
                mask[y * shape.Width + x] = set ? 0 : 1;
            }
        }

        return Tensor.From(mask, shape.Height, shape.Width);
    }
}
