using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

public sealed class VectorCodeTests : IDisposable
{
    private readonly string _variant = TorchRuntime.FastPath.Vector;
    private readonly bool _winograd = FastPath.HasWinograd;

    public static TheoryData<string, DType> Variants()
    {
        var data = new TheoryData<string, DType>();
        foreach (var variant in FastPath.VectorVariants)
        {
            data.Add(variant, DType.Float32);
            data.Add(variant, DType.BFloat16);
        }
        return data;
    }

    public void Dispose()
    {
        FastPath.SelectVector(_variant);
        FastPath.EnableWinograd(_winograd);
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Group_norm_matches_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        foreach (var (batch, channels, groups, height, width) in new[] { (1L, 32L, 8L, 9L, 7L), (3, 6, 3, 1, 1), (2, 68, 4, 40, 13), (9, 5, 1, 3, 2), (1, 64, 32, 64, 64), (2, 3, 3, 17, 19) })
        {
            using var scope = new Scope();
            using var layer = Norm(groups, channels);
            var (x, exact) = Reference.Random(1, dtype, batch, channels, height, width);
            var (scale, exactScale) = Reference.Random(2, dtype, batch, channels, 1, 1);
            var (shift, exactShift) = Reference.Random(3, dtype, batch, channels, 1, 1);
            var lastX = x.Contiguous(channelsLast: true);
            Assert.NotNull(FastPath.GroupNorm(lastX, null, groups, layer.Parameters.First(), layer.Parameters.Last(), 1e-5, null, null, false));
            var plain = exact.GroupNorm(groups, layer.Parameters.First().To(DType.Float64), layer.Parameters.Last().To(DType.Float64), 1e-5);
            var tolerance = Reference.Tolerance(dtype);
            Near(layer.Forward(lastX), plain);
            Near(layer.Forward(lastX, silu: true), plain.Silu());
            Near(layer.Forward(lastX, silu: true, scale, shift), (plain * (exactScale + 1) + exactShift).Silu());
            Near(layer.Forward(lastX.Flatten(2), silu: false, scale.Flatten(2), null), plain.Flatten(2) * (exactScale.Flatten(2) + 1));

            // Row-major memory goes through ATen, which rounds to the type after each of four operations.
            Near(layer.Forward(x, silu: true, scale, shift), (plain * (exactScale + 1) + exactShift).Silu(), 4);

            void Near(Tensor actual, Tensor expected, double roundings = 1)
            {
                var error = Reference.Error(actual, expected);
                Assert.True(error < roundings * tolerance, $"{variant} {dtype}, {x}: {error}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Group_norm_of_two_images_side_by_side_is_that_of_both_concatenated(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        foreach (var (batch, channels, others, groups, height, width) in new[] { (1L, 32L, 16L, 8L, 9L, 7L), (3, 5, 1, 3, 1, 1), (2, 68, 4, 4, 40, 13), (9, 5, 7, 2, 3, 2), (1, 128, 64, 32, 33, 64) })
        {
            using var scope = new Scope();
            using var layer = Norm(groups, channels + others);
            var (x, beside) = (Reference.Random(1, dtype, batch, channels, height, width).Given, Reference.Random(2, dtype, batch, others, height, width).Given * 3 + 1);
            var plain = Tensor.Cat([x.To(DType.Float64), beside.To(DType.Float64)], 1).GroupNorm(groups, layer.Parameters.First().To(DType.Float64), layer.Parameters.Last().To(DType.Float64), 1e-5);
            var (lastX, lastBeside) = (x.Contiguous(channelsLast: true), beside.Contiguous(channelsLast: true));
            var y = layer.ForwardBeside(lastX, lastBeside, silu: true);
            Assert.NotNull(y);
            var error = Reference.Error(y, plain.Silu());
            Assert.True(error < Reference.Tolerance(dtype), $"{variant} {dtype}, {x} beside {beside}: {error}");
            if (height * width > 1) Assert.Null(layer.ForwardBeside(x, lastBeside));
            Assert.Null(layer.ForwardBeside(lastX, lastBeside.To(DType.Float64)));
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Group_norm_keeps_its_precision_beside_a_large_mean(string variant, DType dtype)
    {
        if (dtype != DType.Float32) return;
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = new GroupNorm(4, 8);
        var x = (new SeededNoise(1).Normal([1, 8, 33, 21]) + 1000).Contiguous(channelsLast: true);
        var exact = x.To(DType.Float64).GroupNorm(4, null, null, 1e-5);
        // One rounding of the offset, 1000 times the result, remains.
        Assert.True(Reference.Error(layer.Forward(x), exact) < 1e-4);
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Silu_matches_double_precision_over_its_whole_range(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        foreach (var count in new[] { 1L, 15, 16, 17, 100_003 })
        {
            var x = Tensor.Linspace(-80, 80, count).To(dtype);
            Assert.NotNull(FastPath.Silu(x));
            var exact = x.To(DType.Float64);
            var expected = exact * exact.Sigmoid();
            var relative = ((x.Silu().To(DType.Float64) - expected).Abs() / (expected.Abs() + 1e-30)).Max().Item();
            Assert.True(relative < (dtype == DType.BFloat16 ? 0.0041 : 1e-6), $"{variant}, {count} numbers: {relative}");
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Silu_passes_infinity_and_not_a_number_on(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        using var scope = new Scope();
        var y = Tensor.From([float.PositiveInfinity, float.NaN, 0, 500, -500], 5).To(dtype).Silu().To(DType.Float32).ToArray<float>();
        Assert.Equal(float.PositiveInfinity, y[0]);
        Assert.True(float.IsNaN(y[1]));
        Assert.Equal(0, y[2]);
        Assert.InRange(y[3], 499, 501);
        Assert.InRange(y[4], -1e-30f, 0);
    }

    [SkippableTheory]
    [MemberData(nameof(Variants))]
    public void Attention_matches_double_precision(string variant, DType dtype)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        foreach (var (batch, heads, width, side) in new[] { (1L, 1L, 8L, 1L), (2, 2, 16, 5), (3, 4, 7, 4), (1, 2, 32, 48) })
        {
            using var scope = new Scope();
            var (qkv, exact) = Reference.Random(1, dtype, batch, 3 * heads * width, side, side);
            Tensor[] Parts(Tensor t) => [.. t.Reshape(batch, heads, 3, width, side * side).Chunk(3, 2).Select(part => part.Squeeze(2))];
            var (given, wanted) = (Parts(qkv.Contiguous(channelsLast: true)), Parts(exact));
            var fast = FastPath.Attention(given[0], given[1], given[2]);
            Assert.NotNull(fast);
            var weights = (wanted[0].Transpose(2, 3).MatMul(wanted[1]) / Math.Sqrt(width)).Softmax(-1);
            var expected = weights.MatMul(wanted[2].Transpose(2, 3));
            Assert.True(Reference.Error(fast, expected) < 2 * Reference.Tolerance(dtype), $"{variant} {dtype}, {heads} heads of {width}, {side}x{side}");
            Assert.True(Reference.Error(DotProductAttention.Forward(given[0].Clone().Contiguous(), given[1], given[2]), expected) < 2 * Reference.Tolerance(dtype));
        }
    }

    // Odd sizes, images that are smaller than a tile, channels that fill no block of products, more tiles than are multiplied at a time.
    [SkippableTheory]
    [MemberData(nameof(Variants))]
    public void Winograds_convolutions_match_double_precision_in_every_fused_form(string variant, DType dtype)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        FastPath.SelectVector(variant);
        FastPath.EnableWinograd(true);
        using var noGrad = new NoGrad();
        foreach (var (batch, inputs, outputs, height, width) in new[] { (1L, 32L, 32L, 33L, 31L), (2, 48, 80, 31, 19), (9, 64, 32, 11, 13), (1, 112, 144, 40, 27), (300, 32, 48, 1, 1), (130, 32, 32, 3, 1), (1, 32, 64, 1, 600) })
        {
            using var scope = new Scope();
            using var layer = new Conv2d(inputs, outputs, 3, padding: 1);
            layer.Initialise(new SeededNoise(7));
            layer.Bias!.CopyFrom(new SeededNoise(8).Normal([1, outputs]).Squeeze(0));
            layer.To(dtype);
            var (x, exact) = Reference.Random(1, dtype, batch, inputs, height, width);
            var plain = exact.Conv2d(layer.Weight.To(DType.Float64), layer.Bias.To(DType.Float64), 1, 1, 1, 1);
            var (residual, exactResidual) = Reference.Random(2, dtype, plain.Shape.ToArray());
            var lastX = x.Contiguous(channelsLast: true);
            Near(layer.Forward(x), plain);
            Near(layer.Forward(lastX, silu: true), plain.Silu());
            Near(layer.Forward(lastX, residual), plain + exactResidual);
            Near(layer.Forward(lastX, residual.Clone().Contiguous(channelsLast: true), silu: true, overwrites: true), (plain + exactResidual).Silu());
            Near(layer.ForwardModulated(lastX, null, null, Activation.Relu), plain.Relu());
            if (!TakesWinograds(variant, dtype)) continue;

            // It did take fewer products: they round differently.
            var fewer = layer.Forward(lastX);
            FastPath.EnableWinograd(false);
            var direct = layer.Forward(lastX);
            FastPath.EnableWinograd(true);
            Near(direct, plain);
            Assert.False(fewer.Equal(direct).All());

            void Near(Tensor actual, Tensor expected)
            {
                var error = Reference.Error(actual, expected);
                Assert.True(error < Reference.Tolerance(dtype), $"{variant}, {x} to {outputs} channels: {error}");
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Variants))]
    public void Winograds_derivatives_by_weights_match_double_precision_with_any_number_of_threads(string variant, DType dtype)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        FastPath.SelectVector(variant);
        FastPath.EnableWinograd(true);
        var threads = TorchRuntime.Threads;
        try
        {
            foreach (var (batch, inputs, outputs, height, width) in new[] { (1L, 32L, 32L, 33L, 31L), (2, 48, 80, 31, 19), (9, 64, 32, 11, 13), (1, 112, 144, 40, 27), (300, 32, 48, 1, 1), (1, 32, 64, 1, 600), (1, 192, 192, 32, 33) })
            {
                using var scope = new Scope();
                using var layer = new Conv2d(inputs, outputs, 3, padding: 1);
                layer.Initialise(new SeededNoise(7));
                layer.RequireGrad(true);
                var exactWeight = layer.Weight.Detach().To(DType.Float64);
                exactWeight.RequiresGrad = true;
                var (x, exact) = Reference.Random(1, dtype, batch, inputs, height, width);
                var plain = exact.Conv2d(exactWeight, null, 1, 1, 1, 1);
                var (slopes, exactSlopes) = Reference.Random(2, dtype, plain.Shape.ToArray());
                (plain * exactSlopes).Sum().Backward();
                foreach (var count in new[] { 1, 3, 6 })
                {
                    TorchRuntime.Threads = count;
                    var fewer = Derivatives();
                    var error = Reference.Error(fewer, exactWeight.Grad()!);
                    Assert.True(error < Reference.Tolerance(dtype), $"{variant}, {x} to {outputs} channels, {count} threads: {error}");
                    if (!TakesWinograds(variant, dtype)) continue;
                    FastPath.EnableWinograd(false);
                    Assert.False(fewer.Equal(Derivatives()).All());
                    FastPath.EnableWinograd(true);
                }

                Tensor Derivatives()
                {
                    layer.Weight.ClearGrad();
                    (layer.Forward(x.Contiguous(channelsLast: true)) * slopes).Sum().Backward();
                    return layer.Weight.Grad()!.Clone();
                }
            }
        }
        finally
        {
            TorchRuntime.Threads = threads;
        }
    }

    [SkippableTheory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Winograds_convolutions_give_an_image_of_a_batch_what_they_give_it_alone(DType dtype)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = new Conv2d(32, 48, 3, padding: 1);
        layer.Initialise(new SeededNoise(7));
        var x = new SeededNoise(1, 2, 3).Normal([3, 32, 35, 37]).To(dtype);
        var together = layer.Forward(x);
        for (var i = 0; i < 3; i++) Assert.True(together.Narrow(0, i, 1).Equal(layer.Forward(x.Narrow(0, i, 1))).All());
    }

    [Fact]
    public void Winograds_convolutions_see_weights_that_were_written_to()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = new Conv2d(32, 32, 3, padding: 1);
        layer.Initialise(new SeededNoise(7));
        var x = new SeededNoise(1).Normal([1, 32, 32, 32]);
        var before = layer.Forward(x);
        layer.Weight.CopyFrom(layer.Weight * 2);
        Assert.True(Reference.Error(layer.Forward(x), ((before - layer.Bias!.Reshape(1, 32, 1, 1)) * 2 + layer.Bias.Reshape(1, 32, 1, 1)).To(DType.Float64)) < 1e-5);
    }

    [Fact]
    public void An_unknown_variant_is_refused_by_name() => Assert.Contains("'neon9'", Assert.Throws<TorchException>(() => FastPath.SelectVector("neon9")).Message, StringComparison.Ordinal);

    // The portable code has none of these convolutions, and bfloat16 takes fast instructions for it.
    private static bool TakesWinograds(string variant, DType dtype) => dtype == DType.BFloat16 ? FastPath.HasBFloat16Winograd : variant != "portable";

    private static GroupNorm Norm(long groups, long channels)
    {
        var layer = new GroupNorm(groups, channels);
        layer.Parameters.First().CopyFrom(new SeededNoise(5).Normal([1, channels]).Squeeze(0));
        layer.Parameters.Last().CopyFrom(new SeededNoise(6).Normal([1, channels]).Squeeze(0));
        return layer;
    }
}
