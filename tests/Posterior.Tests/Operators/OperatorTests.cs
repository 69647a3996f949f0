using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

/// <summary>What single operators measure, against their definitions written out, and operators that users put together.</summary>
public sealed class OperatorTests
{
    [Theory]
    [InlineData(1, 5, 4, 3, 3)]
    [InlineData(1, 6, 7, 2, 5)]
    [InlineData(2, 6, 8, 3, 4)]
    [InlineData(3, 9, 6, 9, 6)]
    public void Circular_convolution_is_the_sum_of_its_definition(int stride, int height, int width, int rows, int columns)
    {
        using var scope = new Scope();
        var noise = new SeededNoise(1);
        var (x, k) = (noise.Normal([1, 1, height, width], DType.Float64), noise.Normal([1, rows, columns], DType.Float64).Squeeze(0));
        using var h = new CircularConvolution(new(1, height, width), k, stride, 0);
        var (pixels, taps) = (x.ToArray<double>(), k.ToArray<double>());
        var expected = new List<double>();
        for (var p = 0; p < height / stride; p++)
        {
            for (var q = 0; q < width / stride; q++)
            {
                var sum = 0.0;
                for (var u = 0; u < rows; u++)
                {
                    for (var v = 0; v < columns; v++)
                    {
                        var (i, j) = (stride * p - (u - rows / 2), stride * q - (v - columns / 2));
                        sum += taps[u * columns + v] * pixels[(i + 2 * height) % height * width + (j + 2 * width) % width];
                    }
                }

                expected.Add(sum);
            }
        }

        Assert.All(h.Apply(x).ToArray<double>().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
    }

    [Fact]
    public void A_separable_circular_blur_is_the_circular_convolution_with_the_outer_product()
    {
        using var scope = new Scope();
        var (v, h) = (Filter.Gaussian(1.2, 5), Filter.Centred([1, 3, 2]));
        using var separable = new SeparableConvolution(new(2, 8, 11), v, h, boundary: Boundary.Circular, threshold: 0.1);

        // A correlation with taps is a convolution with the taps reversed.
        var kernel = Tensor.From([.. v.Taps.Reverse()], 5, 1) * Tensor.From([.. h.Taps.Reverse()], 1, 3);
        using var circular = new CircularConvolution(new(2, 8, 11), kernel, threshold: 0);
        var x = new SeededNoise(3).Normal([1, 2, 8, 11], DType.Float64);
        Near(circular.Apply(x), separable.ApplyUntruncated(x));
        Assert.True(separable.Zeroed.Vertical > 0);
        using var exact = new SeparableConvolution(new(2, 8, 11), v, h, boundary: Boundary.Circular, threshold: 0);
        var y = new SeededNoise(4).Normal([1, 2, 8, 11], DType.Float64);
        Near(circular.PseudoInverse(y), exact.PseudoInverse(y), 1e-6);
    }

    [Fact]
    public void Truncation_leaves_the_untruncated_convolution_at_hand()
    {
        using var scope = new Scope();
        var kernel = Tensor.Ones([3, 3], DType.Float64) / 9;
        using var all = new CircularConvolution(new(1, 9, 12), kernel, threshold: 0) { DType = DType.Float64 };
        using var cut = new CircularConvolution(new(1, 9, 12), kernel, threshold: 0.3) { DType = DType.Float64 };
        var x = new SeededNoise(1).Normal([1, 1, 9, 12], DType.Float64);
        Near(all.Apply(x), cut.ApplyUntruncated(x));
        Assert.True((all.Apply(x) - cut.Apply(x)).Norm().Item() > 0.01);
        Assert.Equal(0, cut.SingularValues.Greater(0).And(cut.SingularValues.Less(0.3)).To(DType.Int64).Sum().Item());
    }

    [Fact]
    public void Projection_keeps_known_pixels_bit_for_bit()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 16, 20);
        using var h = new Inpainting(shape, Masks.Random(shape, 0.3, 1));
        var noise = new SeededNoise(1);
        var (truth, guess) = (noise.Normal(shape.Batch(1)), noise.Normal(shape.Batch(1)));
        var result = h.Project(guess, h.Apply(truth));
        var known = h.Mask.Greater(0).Expand(shape.Batch(1));
        Assert.True(result.Index(known).Equal(truth.Index(known)).All());
        Assert.True(result.Index(known.Not()).Equal(guess.Index(known.Not())).All());
    }

    [Fact]
    public void A_random_mask_misses_the_stated_fraction_and_depends_on_the_seed_alone()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 20, 30);
        var mask = Masks.Random(shape, 0.25, 5);
        Assert.Equal(450, mask.Sum().Item());
        Assert.True(mask.Equal(Masks.Random(shape, 0.25, 5)).All());
        Assert.False(mask.Equal(Masks.Random(shape, 0.25, 6)).All());
    }

    [Fact]
    public void A_box_is_missing_where_it_was_stated()
    {
        using var scope = new Scope();
        Assert.Equal([1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1], Masks.Box(new(1, 3, 4), 1, 1, 2, 1).ToArray<double>());
    }

    [Fact]
    public void A_text_mask_shows_the_letters()
    {
        using var scope = new Scope();
        var mask = Masks.Lettered(new(1, 7, 12), "hi", 7).ToArray<double>();
        var picture = string.Join('\n', Enumerable.Range(0, 7).Select(y => string.Concat(mask.Skip(12 * y).Take(12).Select(v => v == 0 ? '#' : '.'))));
        Assert.Equal(
            "#...#..###..\n#...#...#...\n#...#...#...\n#####...#...\n#...#...#...\n#...#...#...\n#...#..###..", picture);
    }

    [Fact]
    public void A_composition_multiplies_the_maps_and_its_pseudo_inverse_solves_least_squares()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 12, 8);
        using var blur = OperatorCatalog.Parse("deblur-gauss:sigma=1,threshold=0").Bind(shape, dtype: DType.Float64);
        using var small = new BlockAverage(shape, 4);
        using var grey = new Colorization(new(3, 3, 2));
        using var h = grey * (small * (LinearOperator)blur);
        Assert.Equal("colorize * sr4 * deblur-gauss:sigma=1,size=7,threshold=0", h.Name);
        Assert.Equal([1, 3, 2], h.OutputShape);
        var x = new SeededNoise(1, 2).Normal(shape.Batch(2), DType.Float64);
        Near(grey.Apply(small.Apply(((LinearOperator)blur).Apply(x))), h.Apply(x));
        Assert.True(AdjointTest.Run(h).Holds);

        var matrix = h.Apply(Tensor.Eye(shape.Count, DType.Float64).Reshape(shape.Batch(shape.Count))).Reshape(shape.Count, -1).Transpose(0, 1);
        var y = new SeededNoise(3, 4).Normal([2, 1, 3, 2], DType.Float64);
        var expected = y.Reshape(2, -1).MatMul(matrix.PseudoInverse(1e-10).Transpose(0, 1)).Reshape(shape.Batch(2));
        Near(expected, h.PseudoInverse(y), 1e-5);
        Near(y, h.Apply(h.Project(x, y)), 1e-5);
    }

    [Fact]
    public void A_composition_of_shapes_that_do_not_fit_is_refused()
    {
        using var grey = new Colorization(new(3, 8, 8));
        using var small = new BlockAverage(new(3, 8, 8), 2);
        var error = Assert.Throws<OperatorException>(() => small * grey);
        Assert.Equal("cannot apply 'sr2' after 'colorize': it takes images 3x8x8, found measurements 1x8x8", error.Message);
    }

    [Fact]
    public void A_user_operator_gets_its_pseudo_inverse_from_conjugate_gradients()
    {
        using var scope = new Scope();
        var shape = new ImageShape(2, 6, 5);
        using var h = new UserOperator(shape, [2, 5, 5], Difference, Transposed, "rows");
        var test = AdjointTest.Run(h);
        Assert.True(test.Holds, test.ToString());
        var x = new SeededNoise(1).Normal(shape.Batch(1), DType.Float64);

        // Differences forget the mean of each column, nothing else.
        Near(x - x.Mean([2], keepDimensions: true), h.PseudoInverse(h.Apply(x)), 1e-6);
        var wrong = new UserOperator(shape, [2, 5, 5], Difference, y => Transposed(y) * 1.001);
        Assert.False(AdjointTest.Run(wrong).Holds);
        Assert.Contains("takes images", Assert.Throws<OperatorException>(() => new UserOperator(shape, [2, 5, 5], Difference, y => y).Adjoint(Difference(x))).Message, StringComparison.Ordinal);

        static Tensor Difference(Tensor x)
        {
            using var scope = new Scope();
            return scope.Keep(x.Slice(2, 1, 6) - x.Slice(2, 0, 5));
        }

        static Tensor Transposed(Tensor y)
        {
            using var scope = new Scope();
            return scope.Keep(y.Pad([0, 0, 1, 0]) - y.Pad([0, 0, 0, 1]));
        }
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance = 1e-10)
    {
        Assert.True(expected.Shape.SequenceEqual(actual.Shape), $"{expected} and {actual}");
        var difference = (expected - actual).Abs().Max().Item();
        Assert.True(difference <= tolerance * Math.Max(1, expected.Abs().Max().Item()), $"off by {difference}");
    }
}
