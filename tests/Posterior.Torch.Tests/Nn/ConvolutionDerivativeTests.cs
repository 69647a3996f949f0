using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

public sealed class ConvolutionDerivativeTests
{
    [Fact]
    public void Gradients_flow_through_the_fused_forms()
    {
        using var scope = new Scope();
        using var layer = ConvolutionTests.Layer(3, 4, 3, 1, 1, 1, DType.Float32);
        layer.RequireGrad(true);
        var x = new SeededNoise(1).Normal([1, 3, 5, 5]);
        var residual = new SeededNoise(2).Normal([1, 4, 5, 5]);
        layer.Forward(x, residual, silu: true).Sum().Backward();
        using var step = new Scope();
        var weight = layer.Weight.Detach();
        double At(double offset)
        {
            using var noGrad = new NoGrad();
            var moved = weight.Clone().To(DType.Float64);
            moved.Select(0, 1).Select(0, 2).Select(0, 0).Select(0, 1).AddInPlace(offset);
            return (x.To(DType.Float64).Conv2d(moved, layer.Bias!.To(DType.Float64), 1, 1) + residual.To(DType.Float64)).Silu().Sum().Item();
        }

        var numeric = (At(1e-4) - At(-1e-4)) / 2e-4;
        Assert.Equal(numeric, layer.Weight.Grad()!.Select(0, 1).Select(0, 2).Select(0, 0).Select(0, 1).Item(), 3);
    }

    // By Winograd's algorithm, directly, with steps and groups that ATen differentiates, and with images that shrink.
    [Theory]
    [InlineData(2, 32, 48, 33, 17, 3, 1, 1, 1)]
    [InlineData(1, 64, 80, 40, 37, 3, 1, 1, 1)]
    [InlineData(3, 96, 32, 19, 23, 3, 1, 1, 1)]
    [InlineData(1, 16, 8, 5, 7, 3, 1, 1, 1)]
    [InlineData(3, 5, 7, 6, 1, 1, 1, 0, 1)]
    [InlineData(2, 8, 8, 9, 11, 5, 1, 2, 1)]
    [InlineData(2, 8, 12, 8, 6, 3, 2, 1, 1)]
    [InlineData(2, 8, 12, 8, 6, 3, 1, 1, 2)]
    [InlineData(1, 8, 4, 8, 6, 3, 1, 0, 1)]
    public void Derivatives_match_double_precision(long batch, long inputs, long outputs, long height, long width, long kernel, long stride, long padding, long groups)
    {
        using var scope = new Scope();
        using var layer = ConvolutionTests.Layer(inputs, outputs, kernel, stride, padding, groups, DType.Float32);
        using var exactLayer = ConvolutionTests.Layer(inputs, outputs, kernel, stride, padding, groups, DType.Float32);
        exactLayer.To(DType.Float64);
        foreach (var frozen in new[] { false, true })
        {
            using var step = new Scope();
            layer.RequireGrad(!frozen);
            exactLayer.RequireGrad(!frozen);
            var (given, exact) = Reference.Random(1, DType.Float32, batch, inputs, height, width);
            var (x, wanted) = (given.Contiguous(channelsLast: true), exact);
            x.RequiresGrad = wanted.RequiresGrad = true;
            var y = layer.Forward(x, silu: true);
            var slopes = new SeededNoise([.. Enumerable.Range(0, (int)batch).Select(i => (ulong)(9 + i))]).Normal(y.Shape.ToArray());
            (y * slopes).Sum().Backward();
            (exactLayer.Forward(wanted, silu: true) * slopes.To(DType.Float64)).Sum().Backward();
            Assert.True(Reference.Error(x.Grad()!, wanted.Grad()!) < 1e-5);
            if (frozen) continue;
            Assert.True(Reference.Error(layer.Weight.Grad()!, exactLayer.Weight.Grad()!) < 1e-5);
            Assert.True(Reference.Error(layer.Bias!.Grad()!, exactLayer.Bias!.Grad()!) < 1e-5);
        }
    }

    // Master weights in single precision, images in bfloat16: by Winograd's algorithm where the processor has fast instructions for it, and by ATen.
    [Theory]
    [InlineData(2, 32, 48, 33, 17)]
    [InlineData(1, 112, 144, 40, 27)]
    [InlineData(2, 5, 7, 6, 9)]
    public void Derivatives_of_bfloat16_images_and_of_their_master_weights_stay_near_double_precision(long batch, long inputs, long outputs, long height, long width)
    {
        using var scope = new Scope();
        using var layer = Trained(inputs, outputs, DType.Float32);
        using var exactLayer = Trained(inputs, outputs, DType.Float64);
        var (given, exact) = Reference.Random(1, DType.BFloat16, batch, inputs, height, width);
        var (residual, exactResidual) = Reference.Random(2, DType.BFloat16, batch, outputs, height, width);
        var (slopes, exactSlopes) = Reference.Random(3, DType.BFloat16, batch, outputs, height, width);
        var x = given.Contiguous(channelsLast: true);
        foreach (var tensor in new[] { x, exact, residual, exactResidual }) tensor.RequiresGrad = true;
        var (y, wanted) = (layer.Forward(x, residual), exactLayer.Forward(exact, exactResidual));
        (y * slopes).Sum().Backward();
        (wanted * exactSlopes).Sum().Backward();
        Assert.Equal((DType.BFloat16, DType.BFloat16), (y.DType, x.Grad()!.DType));
        Assert.Equal((DType.Float32, DType.Float32), (layer.Weight.Grad()!.DType, layer.Bias!.Grad()!.DType));
        Assert.InRange(Reference.Error(y.Detach(), wanted.Detach()), 0, 1e-2);
        Assert.InRange(Reference.Error(x.Grad()!, exact.Grad()!), 0, 1e-2);
        Assert.InRange(Reference.Error(residual.Grad()!, exactResidual.Grad()!), 0, 1e-2);
        Assert.InRange(Reference.Error(layer.Weight.Grad()!, exactLayer.Weight.Grad()!), 0, 1e-2);
        Assert.InRange(Reference.Error(layer.Bias.Grad()!, exactLayer.Bias!.Grad()!), 0, 1e-2);
    }

    [Theory]
    [InlineData(2, 32, 48, 17, 16, true, true, Activation.Relu)]
    [InlineData(2, 32, 48, 17, 16, false, true, Activation.Silu)]
    [InlineData(3, 5, 7, 6, 1, true, false, Activation.Silu)]
    [InlineData(1, 8, 4, 1, 1, true, true, Activation.Identity)]
    public void Derivatives_by_scale_shift_and_residual_match_double_precision(long batch, long inputs, long outputs, long height, long width, bool scaled, bool shifted, Activation activation)
    {
        using var scope = new Scope();
        using var layer = Trained(inputs, outputs, DType.Float32);
        using var exactLayer = Trained(inputs, outputs, DType.Float64);
        var given = new List<Tensor>();
        var exact = new List<Tensor>();
        foreach (var (seed, shape) in new[] { (1UL, new[] { batch, inputs, height, width }), (2UL, [batch, outputs, height, width]), (3UL, [batch, outputs, 1, 1]), (4UL, [batch, outputs, 1, 1]) })
        {
            var (single, twice) = Reference.Random(seed, DType.Float32, shape);
            single.RequiresGrad = twice.RequiresGrad = true;
            given.Add(single);
            exact.Add(twice);
        }
        var (slopes, exactSlopes) = Reference.Random(5, DType.Float32, batch, outputs, height, width);
        Assert.NotNull(FastPath.Modulate(given[1].Contiguous(channelsLast: true), scaled ? given[2] : null, shifted ? given[3] : null, activation));
        (Both(layer, given) * slopes).Sum().Backward();
        (Both(exactLayer, exact) * exactSlopes).Sum().Backward();
        foreach (var (single, twice, used) in given.Zip(exact, new[] { true, true, scaled, shifted }))
            if (used) Assert.True(Reference.Error(single.Grad()!, twice.Grad()!) < 1e-5, $"{single}");
        Assert.True(Reference.Error(layer.Weight.Grad()!, exactLayer.Weight.Grad()!) < 1e-5);
        Assert.True(Reference.Error(layer.Bias!.Grad()!, exactLayer.Bias!.Grad()!) < 1e-5);

        Tensor Both(Conv2d convolution, List<Tensor> tensors) =>
            convolution.ForwardModulated(tensors[0], scaled ? tensors[2] : null, shifted ? tensors[3] : null, activation) + convolution.Forward(tensors[0], tensors[1]);
    }

    [Fact]
    public void A_residual_of_another_shape_is_added_as_ATen_does_where_derivatives_are_recorded()
    {
        using var scope = new Scope();
        using var layer = ConvolutionTests.Layer(3, 4, 3, 1, 1, 1, DType.Float32);
        layer.RequireGrad(true);
        var (x, residual) = (new SeededNoise(1).Normal([1, 3, 5, 5]), new SeededNoise(2).Normal([1, 4, 1, 1]));
        var whole = layer.Forward(x, residual + Tensor.Zeros([1, 4, 5, 5]));
        Assert.True(Reference.Error(layer.Forward(x, residual), whole.Detach().To(DType.Float64)) < 1e-6);
    }

    [Fact]
    public void Derivatives_may_be_taken_after_the_layer_was_freed()
    {
        using var scope = new Scope();
        var layer = ConvolutionTests.Layer(8, 8, 3, 1, 1, 1, DType.Float32);
        var x = new SeededNoise(1).Normal([1, 8, 6, 6]);
        x.RequiresGrad = true;
        layer.Forward(x).Sum().Backward();
        var expected = x.Grad()!.To(DType.Float64);
        x.ClearGrad();
        var y = layer.Forward(x);
        layer.Dispose();
        // Memory that was freed too early would be written to.
        for (var i = 0; i < 20; i++) _ = Tensor.Full([8, 8, 3, 3], 7);
        y.Sum().Backward();
        Assert.True(Reference.Error(x.Grad()!, expected) < 1e-6);
    }

    private static Conv2d Trained(long inputs, long outputs, DType dtype)
    {
        var layer = ConvolutionTests.Layer(inputs, outputs, 3, 1, 1, 1, dtype);
        layer.RequireGrad(true);
        return layer;
    }
}
