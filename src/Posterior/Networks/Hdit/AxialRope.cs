using Posterior.Torch;

namespace Posterior.Networks.Hdit;

/// <summary>Axial rotary position embedding (Crowson et al. 2024, Sec. 3.2): pairs of numbers of a head are rotated by angles proportional to the token's row or column.</summary>
public static class AxialRope
{
    /// <summary>Positions of token centres: the longer side spans [-1, 1], the shorter one as much as the aspect ratio says.</summary>
    /// <param name="height">Rows of tokens.</param>
    /// <param name="width">Columns of tokens.</param>
    /// <returns>Row and column position, <c>[height, width, 2]</c>.</returns>
    public static Tensor Positions(long height, long width)
    {
        using var scope = new Scope();
        var longer = (double)Math.Max(height, width);
        var rows = Centres(height, height / longer).Unsqueeze(1).Expand(height, width);
        var columns = Centres(width, width / longer).Unsqueeze(0).Expand(height, width);
        return scope.Keep(Tensor.Stack([rows, columns], -1));

        static Tensor Centres(long count, double extent) => (Tensor.Arange(0, count, dtype: DType.Float64) + 0.5) * (2 * extent / count) - extent;
    }

    /// <summary>Positions of merged tokens: the means of 2 x 2.</summary>
    /// <param name="positions"><c>[height, width, 2]</c>, height and width even.</param>
    public static Tensor Merge(Tensor positions)
    {
        using var scope = new Scope();
        return scope.Keep(positions.Reshape(positions.Size(0) / 2, 2, positions.Size(1) / 2, 2, 2).Mean([1, 3]));
    }

    /// <summary>The frequencies of a layer: geometric from pi to 10 pi, the end excluded, dealt out over the heads.</summary>
    /// <param name="headWidth">Numbers of a head, a multiple of 8.</param>
    /// <param name="heads">The number of heads.</param>
    /// <returns><c>[heads, headWidth / 8]</c>.</returns>
    public static Tensor Frequencies(int headWidth, int heads)
    {
        var each = headWidth / 8;
        var values = new float[heads * each];
        for (var head = 0; head < heads; head++)
            for (var i = 0; i < each; i++) values[head * each + i] = (float)(Math.PI * Math.Pow(10, (i * heads + head) / (double)(heads * each)));
        return Tensor.From(values, heads, each);
    }

    /// <summary>The angles of all pairs: those of the row first.</summary>
    /// <param name="positions"><c>[height, width, 2]</c>.</param>
    /// <param name="frequencies"><c>[heads, headWidth / 8]</c>.</param>
    /// <returns><c>[height, width, heads, headWidth / 4]</c>, Float64.</returns>
    public static Tensor Angles(Tensor positions, Tensor frequencies)
    {
        using var scope = new Scope();
        // Angles of many periods have no digits to spare.
        var (at, exact) = (positions.To(DType.Float64).Unsqueeze(2), frequencies.To(DType.Float64));
        return scope.Keep(Tensor.Cat([at.Narrow(-1, 0, 1) * exact, at.Narrow(-1, 1, 1) * exact], -1));
    }

    /// <summary>Rotates the first half of each head; pair i is element i with element i + d/4. The second half stays.</summary>
    /// <param name="x"><c>[N, height, width, heads, d]</c>.</param>
    /// <param name="cosines">Cosines of <see cref="Angles"/>.</param>
    /// <param name="sines">Sines of <see cref="Angles"/>.</param>
    public static Tensor Rotate(Tensor x, Tensor cosines, Tensor sines)
    {
        using var scope = new Scope();
        (cosines, sines) = (cosines.To(x.DType), sines.To(x.DType));
        var pairs = cosines.Size(-1);
        var (first, second) = (x.Narrow(-1, 0, pairs), x.Narrow(-1, pairs, pairs));
        return scope.Keep(Tensor.Cat(
            [(first * cosines).AddProduct(second, sines, -1), (second * cosines).AddProduct(first, sines), x.Narrow(-1, 2 * pairs, x.Size(-1) - 2 * pairs)], -1));
    }
}
