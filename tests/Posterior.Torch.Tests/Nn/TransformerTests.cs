using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

/// <summary>What transformers are made of, against libtorch's operators in double precision.</summary>
public sealed class TransformerTests : IDisposable
{
    private readonly string _variant = TorchRuntime.FastPath.Vector;

    public static TheoryData<string, DType> Variants() => VectorCodeTests.Variants();

    public void Dispose() => FastPath.SelectVector(_variant);

    [SkippableTheory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void A_linear_layer_with_residual_matches_double_precision(DType dtype)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        using var noGrad = new NoGrad();
        foreach (var (batch, rows, inputs, outputs, bias) in new[] { (1L, 1L, 16L, 16L, true), (9, 7, 48, 33, false), (3, 64, 192, 576, false), (2, 5, 7, 19, true), (32, 1, 256, 192, true) })
        {
            using var scope = new Scope();
            using var layer = new Linear(inputs, outputs, bias);
            layer.Initialise(new SeededNoise(4));
            layer.Bias?.CopyFrom(new SeededNoise(5).Normal([1, outputs]).Squeeze(0));
            var (x, exact) = Reference.Random(1, dtype, batch, rows, inputs);
            var (residual, exactResidual) = Reference.Random(2, dtype, batch, rows, outputs);
            Near(1);

            // Weights that an operator wrote to are packed anew.
            layer.Weight.CopyFrom(layer.Weight * 2);
            Near(2);

            void Near(int round)
            {
                var expected = exact.Linear(layer.Weight.To(dtype).To(DType.Float64), layer.Bias?.To(dtype).To(DType.Float64));
                Assert.True(Reference.Error(layer.Forward(x), expected) < Reference.Tolerance(dtype), $"{dtype}, {inputs} to {outputs}, round {round}");
                Assert.True(Reference.Error(layer.Forward(x, residual), expected + exactResidual) < 2 * Reference.Tolerance(dtype), $"{dtype}, {inputs} to {outputs} with a residual, round {round}");
            }
        }
    }

    [Fact]
    public void A_linear_layer_whose_weights_are_trained_records_and_one_in_half_precision_adds_to_a_residual_in_single_precision()
    {
        using var scope = new Scope();
        using var layer = new Linear(16, 16);
        layer.Initialise(new SeededNoise(4));
        var (x, exact) = Reference.Random(1, DType.Float32, 3, 16);
        using (new NoGrad()) layer.Forward(x);
        layer.RequireGrad(true);
        layer.Forward(x).Sum().Backward();
        Assert.True(Reference.Error(layer.Weight.Grad()!, exact.Sum([0]).Unsqueeze(0).Expand(16, 16)) < 1e-5);

        using var noGrad = new NoGrad();
        var mixed = layer.Forward(x.To(DType.BFloat16), residual: x);
        Assert.Equal(DType.Float32, mixed.DType);
        Assert.True(Reference.Error(mixed, exact + exact.Linear(layer.Weight.To(DType.Float64))) < 2e-2);
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Rms_norm_and_the_gate_match_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        foreach (var (batch, rows, width) in new[] { (1L, 1L, 1L), (9, 3, 48), (2, 37, 192), (3, 1, 17), (4, 5, 133) })
        {
            using var scope = new Scope();
            var (x, exact) = Reference.Random(1, dtype, batch, rows, 1, 2 * width);
            foreach (var gains in new[] { Reference.Random(2, dtype, 2 * width), Reference.Random(3, dtype, batch, 2 * width) })
            {
                Near(FastPath.RmsNorm(x, gains.Given, 1e-6), RmsNormalisation.ThroughAten(exact, gains.Exact, 1e-6));
                Assert.True(Reference.Error(RmsNormalisation.ThroughAten(x, gains.Given, 1e-6), RmsNormalisation.ThroughAten(exact, gains.Exact, 1e-6)) < 3 * Reference.Tolerance(dtype));
            }
            Near(FastPath.GatedGelu(x * 3), GatedGelu.ThroughAten((x * 3).To(DType.Float64)));

            void Near(Tensor? found, Tensor expected)
            {
                Assert.NotNull(found);
                var error = Reference.Error(found, expected);
                Assert.True(error < Reference.Tolerance(dtype), $"{variant} {dtype}, {x}: {error}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Rotary_attention_matches_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        var random = new Random(5);
        for (var round = 0; round < 12; round++)
        {
            using var scope = new Scope();
            var (batch, tokens, heads, width, count) = (random.Next(1, 10), random.Next(1, 70), random.Next(1, 4), 8 * random.Next(1, 10), random.Next(1, 4));
            var (queries, keys) = ((tokens + count - 1) / count, random.Next(1, tokens + 1));
            var (qkv, exact) = Reference.Random(1, dtype, batch, tokens, 3L * heads * width);
            var other = round % 2 == 0 ? Reference.Random(2, dtype, batch, tokens, 2L * heads * width) : default((Tensor Given, Tensor Exact)?);
            var share = round % 4 == 0 ? Reference.Random(6, DType.Float32, heads) : default((Tensor Given, Tensor Exact)?);
            var scale = Reference.Random(3, DType.Float32, heads).Given.Abs() + 5;
            var angles = Reference.Random(4, DType.Float32, tokens, heads, width / 4).Given * 3;
            var tiles = new TokenTiles(
                count,
                [.. Enumerable.Range(0, count * queries).Select(i => i < tokens ? (long)(tokens - 1 - i) : -1)],
                [.. Enumerable.Range(0, count * keys).Select(_ => (long)random.Next(tokens))],
                round % 3 == 0 ? null : [.. Enumerable.Range(0, count * queries * keys).Select(i => i % keys != 0 && random.Next(2) == 0 ? float.NegativeInfinity : 0)]);
            var found = FastPath.RotaryAttention(qkv, other?.Given, share?.Given, heads, scale, angles.Cos(), angles.Sin(), tiles);
            Assert.NotNull(found);
            var error = Reference.Error(found, Expected(exact, other?.Exact, share?.Exact, heads, scale.To(DType.Float64), angles.To(DType.Float64), tiles));
            Assert.True(error < 2 * Reference.Tolerance(dtype), $"{variant} {dtype}, {batch} images of {tokens} tokens in {count} tiles, {heads} heads of {width}, {keys} keys: {error}");
        }
    }

    [Fact]
    public void Tiles_that_contradict_themselves_or_the_image_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new TokenTiles(2, [0, 1, 2], [0, 1]));
        Assert.Throws<ArgumentException>(() => new TokenTiles(1, [0, 1], [0, 1], [0, 0, 0]));
        Assert.Throws<ArgumentException>(() => new TokenTiles(1, [0, 0], [0, 1]));
        Assert.Throws<ArgumentException>(() => new TokenTiles(1, [0, 2], [0, 1]));
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var (qkv, angles, scale) = (Tensor.Ones([1, 2, 24]), Tensor.Ones([2, 1, 2]), Tensor.Ones([1]));
        Assert.Throws<TorchException>(() => FastPath.RotaryAttention(qkv, null, null, 1, scale, angles, angles, new TokenTiles(1, [0, 1], [0, 2])));
        Assert.Null(FastPath.RotaryAttention(qkv.To(DType.Float64), null, null, 1, scale, angles, angles, new TokenTiles(1, [0, 1], [0, 1])));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Stacked_products_match_double_precision(string variant, DType dtype)
    {
        if (dtype != DType.Float32) return;
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        foreach (var (batch, stack, most, width) in new[] { (1L, 1L, 1L, 1L), (9, 4, 13, 48), (3, 2, 127, 300), (2, 7, 9, 17), (4, 9, 1, 33) })
        {
            using var scope = new Scope();
            long[] rows = [.. Enumerable.Range(0, (int)batch).Select(i => most - i % most)];
            var keep = Tensor.From([.. rows.SelectMany(count => Enumerable.Range(0, (int)most).Select(row => row < count ? 1f : 0))], batch, most, 1);
            var matrices = Reference.Random(1, dtype, batch, most, width).Given * keep;
            var (x, exactX) = Reference.Random(2, dtype, batch, stack, width);
            var (y, exactY) = Reference.Random(3, dtype, batch, stack, most);
            var exact = matrices.To(DType.Float64);
            Assert.NotNull(FastPath.StackedProduct(x, matrices, rows, false));
            Assert.True(Reference.Error(StackedProduct.WithTransposed(x, matrices, rows), exactX.MatMul(exact.Transpose(1, 2))) < 1e-5);
            Assert.True(Reference.Error(StackedProduct.With(y, matrices, rows), exactY.MatMul(exact)) < 1e-5);
            Assert.True(Reference.Error(StackedProduct.With(exactY, exact, rows), exactY.MatMul(exact)) < 1e-14);
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void A_gated_mixture_matches_double_precision_and_knows_no_zeros(string variant, DType dtype)
    {
        if (dtype != DType.Float32) return;
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        foreach (var (batch, count, outputs, length) in new[] { (1L, 4L, 4L, 3072L), (3, 2, 2, 191), (9, 5, 3, 1), (2, 1, 6, 40) })
        {
            using var scope = new Scope();
            var ((x, exactX), (y, exactY)) = (Reference.Random(1, dtype, batch, count, length), Reference.Random(2, dtype, batch, length));
            var ((map, exactMap), (gate, exactGate)) = (Reference.Random(3, dtype, outputs, count + 1), Reference.Random(4, dtype, outputs, 2));
            var (factor, exactFactor) = Reference.Random(5, dtype, batch);
            var mixture = new GatedMixture(y, map, gate, factor);
            var exact = new GatedMixture(exactY, exactMap, exactGate, exactFactor);
            Assert.NotNull(FastPath.GatedMixture(mixture, x));
            Assert.True(Reference.Error((mixture with { Factor = null }).Forward(x), (exact with { Factor = null }).ThroughAten(exactX)) < 1e-5);
            var found = mixture.Forward(x);
            Assert.True(Reference.Error(found, exact.ThroughAten(exactX)) < 1e-5);
            var longer = (mixture with { Y = y.Pad([0, 5]) }).Forward(x.Pad([0, 5]));
            Assert.True(Reference.Error(longer.Narrow(2, 0, length), found.To(DType.Float64)) < 1e-6);
            Assert.Equal(0, (mixture with { Y = y.ZerosLike() }).Forward(x.ZerosLike()).Abs().Max().Item());
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void A_mixture_of_what_matrices_measure_matches_double_precision(string variant, DType dtype)
    {
        if (dtype != DType.Float32) return;
        FastPath.SelectVector(variant);
        using var noGrad = new NoGrad();
        foreach (var (batch, count, outputs, channels, most, width) in new[] { (1L, 1L, 1L, 1L, 1L, 1L), (5, 4, 4, 1, 13, 48), (3, 2, 3, 3, 37, 70), (2, 7, 2, 2, 9, 17) })
        {
            using var scope = new Scope();
            // The last image measures nothing where there are several.
            long[] rows = [.. Enumerable.Range(0, (int)batch).Select(i => batch > 1 && i == batch - 1 ? 0 : most - i % most)];
            var keep = Tensor.From([.. rows.SelectMany(taken => Enumerable.Range(0, (int)most).Select(row => row < taken ? 1.0 : 0))], batch, most, 1);
            var ((x, exactX), (there, _), (back, _)) = (Reference.Random(1, dtype, batch, count, channels, width), Reference.Random(2, dtype, batch, most, width), Reference.Random(3, dtype, batch, most, width));
            var ((between, _), (map, exactMap), (gate, exactGate)) = (Reference.Random(4, dtype, batch, most, most), Reference.Random(5, dtype, outputs, count + 1), Reference.Random(6, dtype, outputs, 2));
            var (factor, exactFactor) = Reference.Random(7, dtype, batch);
            // Measurements of an image's channels lie one after another, zeros at the end.
            var given = Reference.Random(8, dtype, batch, channels * most).Given.To(DType.Float64);
            var last = Tensor.From([.. rows.SelectMany(taken => Enumerable.Range(0, (int)(channels * most)).Select(i => i < channels * taken ? 1.0 : 0))], batch, channels * most);
            var exactY = given * last;
            foreach (var middle in new[] { null, between })
            {
                var mixture = new GatedMixture(exactY.To(dtype), map, gate, factor);
                var found = mixture.Between(x, there, rows, middle, back);
                Assert.NotNull(found);
                for (var i = 0; i < batch; i++)
                {
                    var (own, taken) = (rows[i], channels * rows[i]);
                    if (own == 0)
                    {
                        Assert.Equal(0, found.Select(0, i).Abs().Max().Item());
                        continue;
                    }
                    Tensor Of(Tensor all) => all.Narrow(0, i, 1).To(DType.Float64);
                    var measured = exactX.Narrow(0, i, 1).MatMul(Of(there).Narrow(1, 0, own).Transpose(1, 2).Unsqueeze(1));
                    var exact = new GatedMixture(exactY.Narrow(0, i, 1).Narrow(1, 0, taken), exactMap, exactGate, exactFactor.Narrow(0, i, 1));
                    var z = exact.ThroughAten(measured.Reshape(1, count, taken)).Reshape(1, outputs, channels, own);
                    if (middle is not null) z = z.MatMul(Of(middle).Narrow(1, 0, own).Narrow(2, 0, own).Unsqueeze(1));
                    Assert.True(Reference.Error(found.Narrow(0, i, 1), z.MatMul(Of(back).Narrow(1, 0, own).Unsqueeze(1))) < 1e-5);
                }
            }
        }
        Assert.Throws<TorchException>(() => new GatedMixture(Tensor.Ones([1, 2]), Tensor.Ones([1, 2]), Tensor.Ones([1, 2])).Between(Tensor.Ones([1, 1, 1, 3]), Tensor.Ones([1, 2, 3]), [3], null, Tensor.Ones([1, 2, 3])));
    }

    /// <summary>Rotary attention by libtorch's operators.</summary>
    internal static Tensor Expected(Tensor qkv, Tensor? other, Tensor? share, int heads, Tensor scale, Tensor angles, TokenTiles tiles)
    {
        var (n, tokens) = (qkv.Size(0), qkv.Size(1));
        var (main, second) = (Parts(qkv), other is null ? null : Parts(other));
        var q = Pick(Place(main.Select(2, 0)), [.. tiles.Queries.Select(place => Math.Max(place, 0))]);
        List<Tensor> k = [Pick(Place(main.Select(2, 1)), tiles.Keys)], v = [Pick(main.Select(2, 2), tiles.Keys)];
        if (second is not null)
        {
            k.Add(Pick(Place(share is null ? second.Select(2, 0) : second.Select(2, 0) + main.Select(2, 1) * share.Unsqueeze(1)), tiles.Keys));
            v.Add(Pick(second.Select(2, 1), tiles.Keys));
        }
        var logits = q.MatMul(Tensor.Cat([.. k], 3).Transpose(3, 4));
        if (tiles.Mask is { } mask) logits += Tensor.From(mask, tiles.Count, 1, tiles.EachQueries, tiles.EachKeys).To(DType.Float64).Repeat(1, 1, 1, k.Count);
        var mixed = logits.Softmax(-1).MatMul(Tensor.Cat([.. v], 3)).Permute(0, 1, 3, 2, 4).Reshape(n, -1, heads * main.Size(4));
        var order = new long[tokens];
        for (var i = 0; i < tiles.Queries.Length; i++)
            if (tiles.Queries[i] >= 0) order[tiles.Queries[i]] = i;
        return mixed.IndexSelect(1, Tensor.From(order, order.Length));

        Tensor Parts(Tensor x) => x.Reshape(n, tokens, -1, heads, x.Size(2) / (heads * (x.Size(2) == qkv.Size(2) ? 3 : 2)));

        // [N, tiles, heads, places, d].
        Tensor Pick(Tensor x, long[] places) => x.IndexSelect(1, Tensor.From(places, places.Length)).Reshape(n, tiles.Count, -1, heads, x.Size(3)).Permute(0, 1, 3, 2, 4);

        Tensor Place(Tensor x)
        {
            var pairs = x.Size(3) / 4;
            var scaled = x * ((x.Square().Sum([-1], keepDimensions: true) + 1e-6).Rsqrt() * scale.Sqrt().Unsqueeze(1));
            var (a, b, c, s) = (scaled.Narrow(-1, 0, pairs), scaled.Narrow(-1, pairs, pairs), angles.Cos(), angles.Sin());
            return Tensor.Cat([a * c - b * s, b * c + a * s, scaled.Narrow(-1, 2 * pairs, 2 * pairs)], -1);
        }
    }
}
