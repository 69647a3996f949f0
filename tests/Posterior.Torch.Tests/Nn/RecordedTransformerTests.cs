using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

/// <summary>The derivatives of what transformers are made of, against libtorch's in double precision.</summary>
public sealed class RecordedTransformerTests : IDisposable
{
    private readonly string _variant = TorchRuntime.FastPath.Vector;

    public static TheoryData<string, DType> Variants() => VectorCodeTests.Variants();

    public void Dispose() => FastPath.SelectVector(_variant);

    [SkippableTheory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void The_derivatives_of_a_linear_layer_match_double_precision(DType dtype)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        foreach (var (rows, inputs, outputs) in new[] { (1L, 1L, 1L), (7, 48, 33), (640, 192, 576), (5, 7, 19), (1, 256, 192), (33, 1, 5), (3, 5, 1) })
            foreach (var (biased, residual) in new[] { (false, false), (true, false), (false, true), (true, true) })
            {
                using var scope = new Scope();
                // Training has weights and residuals in single precision whatever the activations are in.
                var given = new[]
                {
                    Reference.Random(1, dtype, 2, rows, inputs), Reference.Random(2, DType.Float32, outputs, inputs), Reference.Random(3, DType.Float32, outputs), Reference.Random(4, DType.Float32, 2, rows, outputs),
                };
                var seed = Reference.Random(5, residual ? DType.Float32 : dtype, 2, rows, outputs);
                var (fast, exact) = (given.Select(pair => pair.Given).ToArray(), given.Select(pair => pair.Exact).ToArray());
                // The weights are rounded to the activations' type before they are used.
                if (dtype == DType.BFloat16) exact[1] = fast[1].To(dtype).To(DType.Float64);
                foreach (var tensor in fast.Concat(exact)) tensor.RequiresGrad = true;

                var y = FastPath.Linear(fast[0], fast[1], biased ? fast[2] : null, residual ? fast[3] : null);
                Assert.NotNull(y);
                Assert.Equal(residual ? DType.Float32 : dtype, y.DType);
                var wanted = exact[0].Linear(exact[1], biased ? exact[2] : null);
                if (residual) wanted += exact[3];
                (y * seed.Given).Sum().Backward();
                (wanted * seed.Exact).Sum().Backward();
                Near(y.Detach(), wanted.Detach(), "result");
                for (var i = 0; i < 4; i++)
                {
                    if ((i == 2 && !biased) || (i == 3 && !residual)) continue;
                    Assert.Equal(fast[i].DType, fast[i].Grad()!.DType);
                    Near(fast[i].Grad()!, exact[i].Grad()!, $"derivative {i}");
                }

                void Near(Tensor found, Tensor expected, string what)
                {
                    var error = Reference.Error(found, expected);
                    Assert.True(error < 2 * Reference.Tolerance(dtype), $"{what} of {rows} rows, {inputs} to {outputs}, bias {biased}, residual {residual}, {dtype}: {error}");
                }
            }
    }

    [Fact]
    public void A_linear_layer_with_fixed_weights_differentiates_to_its_input_alone_and_another_shape_of_residual_is_refused()
    {
        using var scope = new Scope();
        using var layer = new Linear(5, 3);
        layer.Initialise(new SeededNoise(1));
        var (x, exact) = Reference.Random(2, DType.Float32, 4, 5);
        (x.RequiresGrad, exact.RequiresGrad) = (true, true);
        layer.Forward(x).Square().Sum().Backward();
        exact.Linear(layer.Weight.To(DType.Float64), layer.Bias!.To(DType.Float64)).Square().Sum().Backward();
        Assert.True(Reference.Error(x.Grad()!, exact.Grad()!) < 1e-5);
        Assert.All(layer.Parameters, parameter => Assert.Null(parameter.Grad()));
        Assert.Throws<TorchException>(() => layer.Forward(x, residual: Tensor.Ones([1, 3])));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void The_derivatives_of_rms_norm_and_the_gate_match_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        foreach (var (batch, rows, width) in new[] { (1L, 1L, 1L), (9, 3, 48), (2, 97, 192), (3, 1, 17), (4, 5, 133) })
            foreach (var of_each in new[] { true, false })
            {
                using var scope = new Scope();
                var (x, exact) = Reference.Random(1, dtype, batch, rows, 2 * width);
                var (gain, exactGain) = of_each ? Reference.Random(2, dtype, batch, 2 * width) : Reference.Random(2, dtype, 2 * width);
                var (seed, exactSeed) = Reference.Random(3, dtype, batch, rows, 2 * width);
                foreach (var tensor in new[] { x, exact, gain, exactGain }) tensor.RequiresGrad = true;
                (FastPath.RmsNorm(x, gain, 1e-6)! * seed).Sum().Backward();
                (RmsNormalisation.ThroughAten(exact, exactGain, 1e-6) * exactSeed).Sum().Backward();
                Near(x, exact, "norm's by its input");
                Near(gain, exactGain, "norm's by its gains");

                x.ClearGrad();
                exact.ClearGrad();
                (FastPath.GatedGelu(x * 2)! * seed.Narrow(-1, 0, width)).Sum().Backward();
                (GatedGelu.ThroughAten(exact * 2) * exactSeed.Narrow(-1, 0, width)).Sum().Backward();
                Near(x, exact, "gate's");

                void Near(Tensor found, Tensor expected, string what)
                {
                    Assert.Equal(found.DType, found.Grad()!.DType);
                    var error = Reference.Error(found.Grad()!, expected.Grad()!);
                    Assert.True(error < 3 * Reference.Tolerance(dtype), $"derivative of the {what}, {variant} {dtype}, [{batch}, {rows}, {2 * width}]: {error}");
                }
            }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void The_derivatives_of_rotary_attention_match_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        var random = new Random(7);
        for (var round = 0; round < 12; round++)
        {
            using var scope = new Scope();
            var (batch, tokens, heads, width, count) = (random.Next(1, 6), random.Next(2, 50), random.Next(1, 4), 8 * random.Next(1, 10), random.Next(1, 4));
            var (queries, keys) = ((tokens + count - 1) / count, random.Next(2, tokens + 1));
            var given = new[]
            {
                Reference.Random(1, dtype, batch, tokens, 3L * heads * width), Reference.Random(2, dtype, batch, tokens, 2L * heads * width), Reference.Random(3, DType.Float32, heads),
                Reference.Random(6, DType.Float32, heads),
            };
            var (fast, exact) = (given.Select(pair => pair.Given).ToArray(), given.Select(pair => pair.Exact).ToArray());
            (fast[2], exact[2]) = (fast[2].Abs() + 5, exact[2].Abs() + 5);
            foreach (var tensor in fast.Concat(exact)) tensor.RequiresGrad = true;
            var seed = Reference.Random(4, dtype, batch, tokens, (long)heads * width);
            var angles = Reference.Random(5, DType.Float32, tokens, heads, width / 4).Given * 3;
            var tiles = new TokenTiles(
                count,
                [.. Enumerable.Range(0, count * queries).Select(i => i < tokens ? (long)(tokens - 1 - i) : -1)],
                [.. Enumerable.Range(0, count * keys).Select(_ => (long)random.Next(tokens))],
                round % 3 == 0 ? null : [.. Enumerable.Range(0, count * queries * keys).Select(i => i % keys != 0 && random.Next(2) == 0 ? float.NegativeInfinity : 0)]);
            var (two, shared) = (round % 2 == 0, round % 4 == 0);
            var y = FastPath.RotaryAttention(fast[0], two ? fast[1] : null, shared ? fast[3] : null, heads, fast[2], angles.Cos(), angles.Sin(), tiles);
            Assert.NotNull(y);
            var wanted = TransformerTests.Expected(exact[0], two ? exact[1] : null, shared ? exact[3] : null, heads, exact[2], angles.To(DType.Float64), tiles);
            (y * seed.Given).Sum().Backward();
            (wanted * seed.Exact).Sum().Backward();
            for (var i = 0; i < 4; i++)
            {
                if ((i == 1 && !two) || (i == 3 && !shared)) continue;
                Assert.Equal(fast[i].DType, fast[i].Grad()!.DType);
                var error = Reference.Error(fast[i].Grad()!, exact[i].Grad()!);
                // Those by a scale and a share are sums of both signs over all tokens.
                Assert.True(error < (i >= 2 ? 10 : 4) * Reference.Tolerance(dtype), $"derivative {i}, {variant} {dtype}, {batch} images of {tokens} tokens in {count} tiles, {heads} heads of {width}, {keys} keys: {error}");
            }
        }
    }

    [Fact]
    public void The_derivatives_of_rotary_attention_do_not_depend_on_the_number_of_threads()
    {
        using var scope = new Scope();
        var threads = TorchRuntime.Threads;
        try
        {
            var results = new[] { 1, 3 }.Select(count =>
            {
                TorchRuntime.Threads = count;
                var (qkv, scale, gain) = (Reference.Random(1, DType.Float32, 5, 30, 96).Given, Tensor.Full([2], 10), Tensor.Ones([96]));
                foreach (var tensor in new[] { qkv, scale, gain }) tensor.RequiresGrad = true;
                var angles = Reference.Random(4, DType.Float32, 30, 2, 4).Given;
                var tiles = new TokenTiles(1, [.. Enumerable.Range(0, 30).Select(i => (long)i)], [.. Enumerable.Range(0, 30).Select(i => (long)i)]);
                RotaryAttention.Forward(RmsNormalisation.Forward(qkv, gain, 1e-6), null, null, 2, scale, angles.Cos(), angles.Sin(), tiles)!.Square().Sum().Backward();
                return new[] { qkv, scale, gain }.Select(tensor => tensor.Grad()!.ToArray<float>()).ToArray();
            }).ToArray();
            for (var i = 0; i < 3; i++) Assert.Equal(results[0][i], results[1][i]);
        }
        finally
        {
            TorchRuntime.Threads = threads;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_derivative_of_stacked_products_matches_double_precision(bool transposed)
    {
        using var scope = new Scope();
        long[] rows = [3, 9, 1];
        var keep = Tensor.From([.. rows.SelectMany(count => Enumerable.Range(0, 9).Select(row => row < count ? 1f : 0))], 3, 9, 1);
        var matrices = Reference.Random(1, DType.Float32, 3, 9, 40).Given * keep;
        var (x, exact) = Reference.Random(2, DType.Float32, 3, 5, transposed ? 9 : 40);
        (x.RequiresGrad, exact.RequiresGrad) = (true, true);
        var y = transposed ? StackedProduct.With(x, matrices, rows) : StackedProduct.WithTransposed(x, matrices, rows);
        var wanted = exact.MatMul(transposed ? matrices.To(DType.Float64) : matrices.To(DType.Float64).Transpose(1, 2));
        y.Square().Sum().Backward();
        wanted.Square().Sum().Backward();
        Assert.True(Reference.Error(x.Grad()!, exact.Grad()!) < 1e-5);
    }

    [SkippableTheory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Products_of_matrices_in_any_layout_match_double_precision(DType dtype)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        using var scope = new Scope();
        foreach (var (m, k, n) in new[] { (1L, 1L, 1L), (5, 1, 7), (192, 192, 192), (33, 70, 19), (1, 48, 3) })
            foreach (var (first, second) in new[] { (false, false), (true, false), (false, true), (true, true) })
            {
                var (a, exactA) = first ? Reference.Random(1, dtype, k, m) : Reference.Random(1, dtype, m, k);
                var (b, exactB) = second ? Reference.Random(2, dtype, n, k) : Reference.Random(2, dtype, k, n);
                if (first) (a, exactA) = (a.Transpose(0, 1), exactA.Transpose(0, 1));
                if (second) (b, exactB) = (b.Transpose(0, 1), exactB.Transpose(0, 1));
                if (FastPath.Product(a, b) is not { } y) continue;
                Assert.True(Reference.Error(y, exactA.MatMul(exactB)) < Reference.Tolerance(dtype), $"[{m}, {k}] [{k}, {n}], transposed {first}, {second}");
            }
        Assert.NotNull(FastPath.Product(Tensor.Ones([64, 64]), Tensor.Ones([64, 64])));
        Assert.Null(FastPath.Product(Tensor.Ones([4, 4], DType.Float64), Tensor.Ones([4, 4], DType.Float64)));
    }
}
