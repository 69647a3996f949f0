using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

public sealed class ConvolutionTests
{
    public static TheoryData<long, long, long, long, long, long, long, long, long, DType> Shapes()
    {
        var data = new TheoryData<long, long, long, long, long, long, long, long, long, DType>();
        foreach (var dtype in new[] { DType.Float32, DType.BFloat16 })
        {
            // batch, inputs, outputs, height, width, kernel, stride, padding, groups
            data.Add(1, 16, 32, 8, 8, 3, 1, 1, 1, dtype);
            data.Add(2, 3, 5, 7, 11, 3, 1, 1, 1, dtype);
            data.Add(3, 17, 19, 13, 5, 3, 2, 1, 1, dtype);
            data.Add(1, 64, 3, 9, 9, 1, 1, 0, 1, dtype);
            data.Add(4, 6, 10, 6, 6, 5, 1, 2, 2, dtype);
            data.Add(1, 1, 1, 1, 1, 1, 1, 0, 1, dtype);
            data.Add(9, 12, 7, 4, 3, 2, 2, 0, 1, dtype);
            data.Add(2, 33, 64, 16, 15, 3, 1, 0, 1, dtype);
            data.Add(2, 40, 24, 12, 19, 3, 2, 1, 1, dtype);
            data.Add(1, 8, 16, 5, 33, 5, 1, 2, 1, dtype);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_fused_form_matches_double_precision(long batch, long inputs, long outputs, long height, long width, long kernel, long stride, long padding, long groups, DType dtype)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = Layer(inputs, outputs, kernel, stride, padding, groups, dtype);
        var (x, exact) = Reference.Random(1, dtype, batch, inputs, height, width);
        var plain = exact.Conv2d(layer.Weight.To(DType.Float64), layer.Bias!.To(DType.Float64), stride, padding, 1, groups);
        var (residual, exactResidual) = Reference.Random(2, dtype, plain.Shape.ToArray());
        var (scale, exactScale) = Reference.Random(3, dtype, batch, outputs, 1, 1);
        var (shift, exactShift) = Reference.Random(4, dtype, batch, outputs, 1, 1);
        var tolerance = Reference.Tolerance(dtype);
        foreach (var image in new[] { x, x.Contiguous(channelsLast: true), Noncontiguous(x) })
        {
            Assert.True(Reference.Error(layer.Forward(image), plain) < tolerance);
            Assert.True(Reference.Error(layer.Forward(image, silu: true), plain.Silu()) < tolerance);
            Assert.True(Reference.Error(layer.Forward(image, residual), plain + exactResidual) < tolerance);
            Assert.True(Reference.Error(layer.Forward(image, residual, silu: true), (plain + exactResidual).Silu()) < tolerance);
            Assert.True(Reference.Error(layer.Forward(image, residual.Clone(), silu: true, overwrites: true), (plain + exactResidual).Silu()) < tolerance);
            Assert.True(Reference.Error(layer.Forward(image, residual.Clone().Contiguous(channelsLast: true), overwrites: true), plain + exactResidual) < tolerance);
            foreach (var activation in Enum.GetValues<Activation>())
                Assert.True(Reference.Error(layer.ForwardModulated(image, scale, shift, activation), Activate(plain * (exactScale + 1) + exactShift, activation)) < 2 * tolerance);
            Assert.True(Reference.Error(layer.ForwardModulated(image, null, shift), plain + exactShift) < 2 * tolerance);
            Assert.True(Reference.Error(layer.ForwardModulated(image, scale, null), plain * (exactScale + 1)) < 2 * tolerance);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_residual_of_another_shape_is_refused_also_where_it_may_be_overwritten(int kernel)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = Layer(16, 16, kernel, 1, kernel / 2, 1, DType.Float32);
        var x = new SeededNoise(1, 2, 3, 4).Normal([4, 16, 8, 8]).Contiguous(channelsLast: true);
        var one = x.Narrow(0, 0, 1).Clone();
        Assert.Throws<TorchException>(() => layer.Forward(x, one, overwrites: true));
        // A layer's own input as its residual is still read while the result is written.
        Assert.Equal(layer.Forward(x, x.Clone()).ToArray<float>(), layer.Forward(x, x, overwrites: true).ToArray<float>());
    }

    [Fact]
    public void Atens_path_matches_the_fast_path_in_every_form()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = Layer(12, 20, 3, 1, 1, 1, DType.Float32);
        var x = new SeededNoise(1).Normal([1, 12, 9, 10]);
        var (residual, scale, shift) = (new SeededNoise(2).Normal([1, 20, 9, 10]), new SeededNoise(3).Normal([1, 20, 1, 1]), new SeededNoise(4).Normal([1, 20, 1, 1]));
        Tensor[] All() => [layer.Forward(x), layer.Forward(x, residual, silu: true), layer.ForwardModulated(x, scale, shift, Activation.Relu), layer.ForwardModulated(x, null, shift)];
        var fast = All();
        FastPath.Enable(false);
        try
        {
            Assert.False(TorchRuntime.FastPath.Enabled);
            foreach (var (a, b) in fast.Zip(All())) Assert.True(Reference.Error(a, b.To(DType.Float64)) < 1e-5);
        }
        finally
        {
            FastPath.Enable(true);
        }
    }

    [SkippableFact]
    public void The_packed_weights_are_used_in_inference_and_only_there()
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        using var scope = new Scope();
        using var layer = Layer(8, 8, 3, 1, 1, 1, DType.Float32);
        using var packed = PackedConvolution.Of(layer.Weight, layer.Bias, 1, (1, 1), 1);
        var x = new SeededNoise(1).Normal([1, 8, 6, 6]);
        Assert.NotNull(packed.Run(x, null, null, null, Activation.Identity, overwrites: false));
        layer.RequireGrad(true);
        Assert.Null(packed.Run(x, null, null, null, Activation.Identity, overwrites: false));
        using (new NoGrad()) Assert.NotNull(packed.Run(x, null, null, null, Activation.Identity, overwrites: false));
        Assert.Null(packed.Run(x.To(DType.Float64), null, null, null, Activation.Identity, overwrites: false));
    }

    [Fact]
    public void A_weight_that_an_operator_wrote_to_takes_effect_at_once()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = Layer(4, 4, 3, 1, 1, 1, DType.Float32);
        var x = new SeededNoise(1).Normal([1, 4, 6, 6]);
        var before = layer.Forward(x);
        layer.Weight.MultiplyInPlace(2);
        layer.Bias!.MultiplyInPlace(2);
        Assert.True(Reference.Error(layer.Forward(x), before.To(DType.Float64) * 2) < 1e-5);
        layer.To(DType.Float64);
        Assert.Equal(DType.Float64, layer.Forward(x.To(DType.Float64)).DType);
    }

    [Fact]
    public void A_weight_written_through_memory_takes_effect_after_it_was_announced()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = Layer(4, 4, 1, 1, 0, 1, DType.Float32);
        var x = new SeededNoise(1).Normal([1, 4, 6, 6]);
        layer.Forward(x);
        layer.Weight.Memory<float>().Clear();
        layer.WeightsChanged();
        Assert.True(Reference.Error(layer.Forward(x), layer.Bias!.To(DType.Float64).Reshape(1, 4, 1, 1).Expand(1, 4, 6, 6)) < 1e-6);
    }

    [Fact]
    public void Single_precision_weights_serve_bfloat16_images()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var layer = Layer(8, 8, 3, 1, 1, 1, DType.Float32);
        var (x, exact) = Reference.Random(1, DType.BFloat16, 2, 8, 6, 6);
        var y = layer.Forward(x);
        Assert.Equal(DType.BFloat16, y.DType);
        Assert.True(Reference.Error(y, exact.Conv2d(layer.Weight.To(DType.Float64), layer.Bias!.To(DType.Float64), 1, 1)) < 1e-2);
    }

    [SkippableTheory]
    [InlineData(16, 8, 24)]
    [InlineData(3, 5, 7)]
    [InlineData(64, 64, 64)]
    public void Two_images_side_by_side_are_convolved_as_both_concatenated(long inputs, long others, long outputs)
    {
        Skip.If(TorchRuntime.FastPath.Convolution.Length == 0, "the bridge was built without oneDNN");
        using var noGrad = new NoGrad();
        foreach (var dtype in new[] { DType.Float32, DType.BFloat16 })
        {
            using var scope = new Scope();
            using var layer = Layer(inputs + others, outputs, 1, 1, 0, 1, dtype);
            var ((x, exact), (beside, exactBeside)) = (Reference.Random(1, dtype, 2, inputs, 9, 7), Reference.Random(2, dtype, 2, others, 9, 7));
            for (var round = 0; round < 2; round++)
            {
                var plain = Tensor.Cat([exact, exactBeside], 1).Conv2d(layer.Weight.To(DType.Float64), layer.Bias!.To(DType.Float64));
                foreach (var image in new[] { x, x.Contiguous(channelsLast: true) })
                {
                    // In bfloat16 the sum of the first image is rounded, and channels that fill no vector are left to a concatenation.
                    if (layer.ForwardBeside(image, beside) is { } y) Assert.True(Reference.Error(y, plain) < 2 * Reference.Tolerance(dtype));
                    else Assert.True(dtype == DType.BFloat16 && others % 16 != 0);
                }

                // Weights that were written to are packed again.
                layer.Weight.CopyFrom(layer.Weight * 2);
            }
            if (dtype == DType.Float32) Assert.Throws<TorchException>(() => layer.ForwardBeside(x, beside.Narrow(2, 0, 3)));
            Assert.Null(layer.ForwardBeside(x, x.Narrow(1, 0, 1)));
        }
        using var larger = Layer(16, 8, 3, 1, 1, 1, DType.Float32);
        using var images = new Scope();
        Assert.Null(larger.ForwardBeside(Tensor.Ones([1, 8, 5, 5]), Tensor.Ones([1, 8, 5, 5])));
    }

    [Fact]
    public void BFloat16_is_convolved_also_without_instructions_for_it()
    {
        using var scope = new Scope();
        using var layer = Layer(64, 64, 3, 1, 1, 1, DType.BFloat16);
        var (x, exact) = Reference.Random(1, DType.BFloat16, 1, 64, 128, 128);
        var plain = exact.To(DType.Float32).Conv2d(layer.Weight.To(DType.Float32), layer.Bias!.To(DType.Float32), 1, 1).To(DType.Float64);
        using (new NoGrad()) Assert.True(Reference.Error(layer.Forward(x, silu: true), plain.Silu()) < Reference.Tolerance(DType.BFloat16));
        layer.Weight.RequiresGrad = true;
        var y = layer.Forward(x);
        Assert.Equal(DType.BFloat16, y.DType);
        Assert.True(Reference.Error(y.Detach(), plain) < Reference.Tolerance(DType.BFloat16));
        y.Sum().Backward();
        Assert.Equal(DType.BFloat16, layer.Weight.Grad()!.DType);
    }

    [Fact]
    public void Several_threads_and_sizes_share_a_layer()
    {
        using var layer = Layer(8, 8, 3, 1, 1, 1, DType.Float32);
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            using var noGrad = new NoGrad();
            using var scope = new Scope();
            var (x, exact) = Reference.Random((ulong)i, DType.Float32, 1, 8, 3 + i % 17, 4 + i % 5);
            Assert.True(Reference.Error(layer.Forward(x), exact.Conv2d(layer.Weight.To(DType.Float64), layer.Bias!.To(DType.Float64), 1, 1)) < 1e-5);
        });
    }

    [Fact]
    public void An_image_smaller_than_the_kernel_and_a_misshapen_residual_are_refused()
    {
        using var scope = new Scope();
        using var layer = Layer(2, 2, 3, 1, 0, 1, DType.Float32);
        Assert.Throws<TorchException>(() => layer.Forward(Tensor.Ones([1, 2, 2, 2])));
        Assert.Throws<TorchException>(() => layer.Forward(Tensor.Ones([1, 3, 4, 4])));
        Assert.Throws<TorchException>(() => layer.Forward(Tensor.Ones([1, 2, 4, 4]), Tensor.Ones([1, 2, 3, 3])));
    }

    internal static Conv2d Layer(long inputs, long outputs, long kernel, long stride, long padding, long groups, DType dtype)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var layer = new Conv2d(inputs, outputs, kernel, stride, padding, bias: true, groups);
        layer.Initialise(new SeededNoise(11));
        layer.Bias!.CopyFrom(new SeededNoise(12).Normal([1, outputs]).Squeeze(0));
        layer.To(dtype);
        return layer;
    }

    private static Tensor Noncontiguous(Tensor x) => Tensor.Cat([x, x], 3).Narrow(3, 0, x.Size(3));

    private static Tensor Activate(Tensor x, Activation activation) => activation switch
    {
        Activation.Silu => x.Silu(),
        Activation.Relu => x.Relu(),
        _ => x,
    };
}
