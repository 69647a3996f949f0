using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Networks.Hdit;
using Posterior.Operators;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Networks;

/// <summary>What the feature degradation layer owes its caller (InvFussion Eq. 7), in the whole network with random weights.</summary>
[Collection(LiveHandles.Name)]
public sealed class InvFussionTests
{
    private static readonly ImageShape _shape = new(3, 16, 16);

    [Fact]
    public void A_change_of_the_measurement_s_basis_changes_nothing()
    {
        using var scope = new Scope();
        using var network = Network(new() { Rescaled = true, SharedKeys = true });
        var h = new SeededNoise(1).Normal([1, 40, _shape.Count]).Squeeze(0) * 0.05;
        var (q, _) = new SeededNoise(2).Normal([1, 40, 40], DType.Float64).Squeeze(0).Qr();
        var turned = q.To(DType.Float32).MatMul(h);
        var (plain, rotated) = (Evaluate(network, h), Evaluate(network, turned));
        Near(plain, rotated, 1e-4);

        // The measurement matters all the same, and with an activation on each number its basis does.
        Far(plain, Evaluate(network, h * 1.5, image: 7), 1e-2);
        using var elementwise = Network(new() { Activation = MeasurementActivation.Silu });
        Far(Evaluate(elementwise, h), Evaluate(elementwise, turned), 1e-4);
    }

    [Fact]
    public void With_the_zero_operator_the_network_is_its_own_unconditional_form()
    {
        using var scope = new Scope();
        using var network = Network(new() { Rescaled = true, SharedKeys = true });
        using var zero = OperatorBatch.Of([new ZeroMember(_shape), new ZeroMember(_shape)]);
        var (x, noise) = Input(2);
        Near(network.Forward(x, noise), network.Forward(x, noise, new MeasuredBatch(zero, Tensor.Zeros([2, 1]))), 1e-6);
    }

    [Fact]
    public void A_rescaled_layer_gives_back_measurements_of_random_matrices_at_the_size_of_those_of_masks()
    {
        using var scope = new Scope();
        var (plain, rescaled) = (new FeatureDegradation(24, new(3, 2, 2), MeasurementActivation.Gated, false), new FeatureDegradation(24, new(3, 2, 2), MeasurementActivation.Gated, true));
        using var a = plain;
        using var b = rescaled;
        a.Initialise(new SeededNoise(1));
        b.Initialise(new SeededNoise(1));
        var tokens = new SeededNoise(3).Normal([1, 8, 8, 24]);
        Assert.InRange(Ratio(OperatorFamilies.Patches), 1 - 1e-6, 1 + 1e-6);
        using var matrices = OperatorBatch.Of([OperatorFamilies.Matrix.Draw(_shape, 3)]);
        var ratio = Ratio(OperatorFamilies.Matrix);
        Assert.InRange(ratio * ratio * matrices.SmoothShare.Item(), 1 - 1e-4, 1 + 1e-4);
        Assert.InRange(ratio, 2, 30);

        double Ratio(OperatorFamily family)
        {
            using var operators = OperatorBatch.Of([family.Draw(_shape, 3)]);
            var measured = new MeasuredBatch(operators, operators.Apply(new SeededNoise(4).Normal(_shape.Batch(1))));
            return b.Forward(tokens, measured).Norm().Item() / a.Forward(tokens, measured).Norm().Item();
        }
    }

    [Theory]
    [InlineData(HditAttentionType.Global)]
    [InlineData(HditAttentionType.Neighborhood)]
    [InlineData(HditAttentionType.ShiftedWindow)]
    public void A_batch_of_mixed_operators_with_rows_of_padding_gives_what_each_image_alone_gives(HditAttentionType attention)
    {
        using var scope = new Scope();
        using var network = Network(new() { Rescaled = true, SharedKeys = true }, attention);
        FamilyMember[] members = [.. OperatorFamilies.All.Select(family => family.Draw(_shape, 3))];
        var (x, noise) = Input(members.Length);
        using var all = OperatorBatch.Of(members);
        var clean = new SeededNoise([.. members.Select((_, i) => (ulong)(i + 50))]).Normal(_shape.Batch(members.Length)) * 0.5;
        var together = network.Forward(x, noise, new MeasuredBatch(all, all.Apply(clean)));
        for (var i = 0; i < members.Length; i++)
        {
            using var one = OperatorBatch.Of([members[i]]);
            var alone = network.Forward(x.Narrow(0, i, 1), noise.Narrow(0, i, 1), new MeasuredBatch(one, one.Apply(clean.Narrow(0, i, 1))));
            Near(alone, together.Narrow(0, i, 1), 1e-4);
        }
    }

    [Fact]
    public void Levels_that_cannot_see_the_operator_have_plain_attention_and_a_network_without_such_levels_says_what_each_needs()
    {
        using var network = Network(new() { Widths = [24, 40] });
        var names = network.NamedParameters.Select(parameter => parameter.Name).ToArray();
        Assert.Contains("down_levels.0.0.self_attn.degradation.map.weight", names);
        Assert.DoesNotContain(names, name => name.StartsWith("mid_level", StringComparison.Ordinal) && name.Contains("degradation", StringComparison.Ordinal));
        var error = Assert.Throws<ArgumentException>(() => Network(new() { Widths = [16, 40] }));
        Assert.Equal("no width allows a feature degradation layer: level 0 needs a multiple of 12 (3 channels x 2 x 2 pixels of a token), found 16; level 1 needs a multiple of 48 (3 channels x 4 x 4 pixels of a token), found 40", error.Message);
    }

    [Fact]
    public void Without_a_share_of_the_main_stream_s_keys_those_of_the_operator_are_the_paper_s()
    {
        using var scope = new Scope();
        using var paper = Network(new());
        using var shared = Network(new() { SharedKeys = true });
        Assert.Equal(5, shared.LoadPart(paper.NamedTensors.ToDictionary(pair => pair.Name, pair => pair.Tensor, StringComparer.Ordinal)).Count);
        using var h = OperatorBatch.Of([OperatorFamilies.Matrix.Draw(_shape, 3), OperatorFamilies.Patches.Draw(_shape, 4)]);
        var (x, noise) = Input(2);
        var measured = new MeasuredBatch(h, h.Apply(x));
        var expected = paper.Forward(x, noise, measured);
        Far(expected, shared.Forward(x, noise, measured), 1e-3);
        foreach (var (name, tensor) in shared.NamedParameters)
            if (name.EndsWith("key_share", StringComparison.Ordinal)) tensor.CopyFrom(tensor.ZerosLike());
        Near(expected, shared.Forward(x, noise, measured), 1e-6);
    }

    [Fact]
    public void A_network_of_several_images_started_from_one_of_one_gives_its_image_first()
    {
        using var scope = new Scope();
        using var one = Network(new());
        using var several = Network(new() { OutputImages = 3 });
        Assert.Equal(["patch_out.proj.weight but for the first image"], several.LoadPart(one.NamedTensors.ToDictionary(pair => pair.Name, pair => pair.Tensor, StringComparer.Ordinal)));
        var (x, noise) = Input(2);
        var all = several.Forward(x, noise);
        Near(one.Forward(x, noise), all.Narrow(1, 0, 3), 1e-6);
        Assert.True(all.Narrow(1, 3, 6).Abs().Max().Item() > 0);
    }

    [Fact]
    public void A_new_network_gives_zeros_and_one_in_bfloat16_gives_about_the_same_as_one_in_single_precision()
    {
        using var scope = new Scope();
        using var fresh = new HditNetwork(Settings(new(), HditAttentionType.Global));
        fresh.Initialise(new SeededNoise(1));
        var (x, noise) = Input(2);
        Assert.Equal(0, fresh.Forward(x, noise).Abs().Max().Item());
        using var network = Network(new());
        var exact = network.Forward(x, noise);
        network.ActivationType = DType.BFloat16;
        // Eight bits of mantissa in each matrix product of weights that are larger than trained ones.
        Assert.InRange((network.Forward(x, noise) - exact).Norm().Item() / exact.Norm().Item(), 1e-5, 0.1);
    }

    [Fact]
    public void Neighbourhood_attention_equals_attention_with_an_explicit_mask_on_any_grid()
    {
        using var scope = new Scope();
        foreach (var (height, width, kernel) in new[] { (5, 40, 3), (17, 33, 7), (24, 24, 5), (3, 50, 7) })
        {
            var noise = new SeededNoise(1);
            Tensor Draw() => noise.Normal([1, height, width, 2, 8]);
            var (q, k, v, k2, v2) = (Draw(), Draw(), Draw(), Draw(), Draw());
            var mask = Mask(height, width, kernel).Repeat(1, 2);
            var logits = Tokens(q).MatMul(Tensor.Cat([Tokens(k), Tokens(k2)], 2).Transpose(2, 3)) + mask;
            var expected = logits.Softmax(-1).MatMul(Tensor.Cat([Tokens(v), Tokens(v2)], 2)).Transpose(1, 2).Reshape(1, height, width, 2, 8);
            Near(expected, NeighbourhoodAttention.Forward(q, [(k, v), (k2, v2)], kernel), 1e-5);
        }

        static Tensor Tokens(Tensor x) => x.Reshape(1, -1, 2, 8).Transpose(1, 2);
    }

    [Fact]
    public void Memory_of_neighbourhood_attention_grows_with_the_tokens_not_with_their_square()
    {
        Assert.InRange(Peak(128) / (double)Peak(64), 1, 6);

        // 16 times the tokens of the first would be 256 times the mask.
        static long Peak(int side)
        {
            using var scope = new Scope();
            using var noGrad = new NoGrad();
            TorchRuntime.ReleaseMemory();
            var before = TorchRuntime.Memory.Used;
            var noise = new SeededNoise(1);
            Tensor Draw() => noise.Normal([1, side, side, 1, 64]);
            var (q, k, v) = (Draw(), Draw(), Draw());
            NeighbourhoodAttention.Forward(q, [(k, v)], 7);
            return Math.Max(1 << 22, TorchRuntime.Memory.Peak - before);
        }
    }

    internal static HditSettings Settings(HditSettings settings, HditAttentionType attention) => settings with
    {
        PatchSize = [2, 2],
        Depths = [2, 1],
        Widths = settings.Widths.Count == 2 ? settings.Widths : [24, 48],
        DFfs = [32, 48],
        SelfAttns = [new() { Type = attention, DHead = 8, KernelSize = 3, WindowSize = 4 }, new() { Type = HditAttentionType.Global, DHead = 8 }],
        MappingWidth = 16,
        MappingDFf = 24,
        Condition = MeasurementCondition.Operator,
    };

    // Every weight is random, those that start as zero too.
    internal static HditNetwork Network(HditSettings settings, HditAttentionType attention = HditAttentionType.Global)
    {
        var network = new HditNetwork(Settings(settings, attention));
        network.Initialise(new SeededNoise(1));
        using var scope = new Scope();
        var noise = new SeededNoise(2);
        foreach (var (name, tensor) in network.NamedParameters)
            if (tensor.Abs().Max().Item() == 0) Initialisation.Normal(tensor, null, name.Contains("norm", StringComparison.Ordinal) ? 0.3 : 1, noise);
        return network;
    }

    private static (Tensor X, Tensor Noise) Input(int count) =>
        (new SeededNoise([.. Enumerable.Range(0, count).Select(i => (ulong)i)]).Normal(_shape.Batch(count)), Tensor.Linspace(-0.5, 0.7, count));

    private static Tensor Evaluate(HditNetwork network, Tensor matrix, ulong image = 5)
    {
        using var h = new DenseMatrix(_shape, matrix);
        using var operators = new SharedOperator(h, 1);
        var (x, noise) = Input(1);
        return network.Forward(x, noise, new MeasuredBatch(operators, operators.Apply(new SeededNoise(image).Normal(_shape.Batch(1)))));
    }

    private static Tensor Mask(int height, int width, int kernel)
    {
        var tokens = height * width;
        var mask = new float[tokens * tokens];
        for (var i = 0; i < mask.Length; i++)
        {
            var (query, key) = (i / tokens, i % tokens);
            mask[i] = Sees(query / width, key / width, height) && Sees(query % width, key % width, width) ? 0 : float.NegativeInfinity;
        }
        return Tensor.From(mask, tokens, tokens);

        bool Sees(int query, int key, int length)
        {
            var k = Math.Min(kernel, length);
            var start = Math.Clamp(query - k / 2, 0, length - k);
            return key >= start && key < start + k;
        }
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.True(expected.Shape.SequenceEqual(actual.Shape), $"{expected} and {actual}");
        Assert.InRange((expected - actual).Abs().Max().Item() / expected.Abs().Max().Item(), 0, tolerance);
    }

    private static void Far(Tensor expected, Tensor actual, double least) => Assert.True((expected - actual).Abs().Max().Item() / expected.Abs().Max().Item() > least);
}
