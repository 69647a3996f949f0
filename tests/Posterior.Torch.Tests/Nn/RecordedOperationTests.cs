using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

/// <summary>The operations of the bridge that bring their own derivatives, against libtorch's in double precision.</summary>
public sealed class RecordedOperationTests : IDisposable
{
    private readonly string _variant = TorchRuntime.FastPath.Vector;

    public static TheoryData<string, DType> Variants() => VectorCodeTests.Variants();

    public void Dispose() => FastPath.SelectVector(_variant);

    [Theory]
    [MemberData(nameof(Variants))]
    public void The_derivatives_of_group_norm_match_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        foreach (var (batch, channels, groups, height, width) in new[] { (1L, 32L, 8L, 9L, 7L), (2, 6, 3, 3, 1), (2, 68, 4, 40, 13), (9, 5, 1, 3, 2), (3, 3, 3, 17, 19) })
            foreach (var (silu, modulated) in new[] { (false, false), (true, false), (true, true), (false, true) })
            {
                using var scope = new Scope();
                var shapes = new[] { new[] { batch, channels, height, width }, [channels], [channels], [batch, channels, 1, 1], [batch, channels, 1, 1] };
                // Training has weights in single precision whatever the activations are in.
                var given = shapes.Select((shape, i) => Reference.Random((ulong)i, i is 1 or 2 ? DType.Float32 : dtype, shape)).ToArray();
                var seed = Reference.Random(9, dtype, shapes[0]);
                Tensor[] fast = [given[0].Given.Contiguous(channelsLast: true), .. given[1..].Select(pair => pair.Given)], exact = [.. given.Select(pair => pair.Exact)];
                foreach (var tensor in fast.Concat(exact)) tensor.RequiresGrad = true;

                var y = FastPath.GroupNorm(fast[0], null, groups, fast[1], fast[2], 1e-3, modulated ? fast[3] : null, modulated ? fast[4] : null, silu);
                Assert.NotNull(y);
                var wanted = exact[0].GroupNorm(groups, exact[1], exact[2], 1e-3);
                if (modulated) wanted = wanted * (exact[3] + 1) + exact[4];
                if (silu) wanted = wanted.Silu();
                Assert.True(Reference.Error(y.Detach(), wanted.Detach()) < Reference.Tolerance(dtype));
                (y * seed.Given).Sum().Backward();
                (wanted * seed.Exact).Sum().Backward();
                for (var i = 0; i < (modulated ? 5 : 3); i++)
                {
                    var (found, expected) = (fast[i].Grad()!, exact[i].Grad()!);
                    Assert.Equal(fast[i].DType, found.DType);
                    var error = Reference.Error(found, expected);
                    Assert.True(error < 3 * Reference.Tolerance(dtype), $"{variant} {dtype}, input {i} of [{string.Join(", ", shapes[0])}], silu {silu}, modulated {modulated}: {error}");
                }
            }
    }

    [Fact]
    public void Group_norm_differentiates_to_the_image_alone_when_the_weights_are_fixed()
    {
        using var scope = new Scope();
        using var layer = new GroupNorm(2, 4);
        var x = Reference.Random(1, DType.Float32, 2, 4, 5, 3).Given.Contiguous(channelsLast: true);
        x.RequiresGrad = true;
        layer.Forward(x, silu: true).Square().Sum().Backward();
        Assert.True(x.Grad()!.Abs().Max().Item() > 0);
        Assert.All(layer.Parameters, parameter => Assert.Null(parameter.Grad()));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Resampling_and_its_derivative_match_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        foreach (var filter in new[] { new double[] { 1, 1 }, [1, 3, 3, 1], [1, 2, 1], [1] })
            foreach (var (batch, channels, height, width) in new[] { (1L, 1L, 2L, 2L), (2, 5, 6, 4), (3, 64, 8, 10), (1, 33, 7, 5) })
                foreach (var up in new[] { false, true })
                {
                    using var scope = new Scope();
                    var (given, exact) = Reference.Random(1, dtype, batch, channels, height, width);
                    var x = given.Contiguous(channelsLast: true);
                    (x.RequiresGrad, exact.RequiresGrad) = (true, true);
                    double[] taps = [.. filter.Select(tap => tap / filter.Sum())];
                    var (size, border) = (filter.Length, (filter.Length - 1) / 2);
                    var square = Tensor.From([.. taps.SelectMany(_ => taps, (v, h) => v * h)], 1, 1, size, size);
                    Assert.Equal(taps, SeparableResampling.Taps(square)!, (a, b) => Math.Abs(a - b) < 1e-12);

                    var y = FastPath.Resample(x, taps, border, up);
                    Assert.NotNull(y);
                    var kernels = square.Repeat(channels, 1, 1, 1);
                    var wanted = up ? exact.ConvTranspose2d(kernels, stride: 2, padding: border, groups: channels) : exact.Conv2d(kernels, stride: 2, padding: border, groups: channels);
                    var seed = Reference.Random(2, dtype, wanted.Shape.ToArray());
                    Assert.True(Reference.Error(y.Detach(), wanted.Detach()) < Reference.Tolerance(dtype), $"{variant} {dtype}, {size} taps, up {up}");
                    (y * seed.Given).Sum().Backward();
                    (wanted * seed.Exact).Sum().Backward();
                    Assert.True(Reference.Error(x.Grad()!, exact.Grad()!) < Reference.Tolerance(dtype), $"{variant} {dtype}, the derivative of {size} taps, up {up}");
                    Assert.True(Reference.Error(SeparableResampling.Forward(given, square, null, border, up, gain: 4), wanted.Detach() * 4) < Reference.Tolerance(dtype));
                }
    }

    [Fact]
    public void A_filter_that_is_no_product_has_no_taps()
    {
        using var scope = new Scope();
        Assert.Null(SeparableResampling.Taps(Tensor.From([0.5, 0, 0, 0.5], 1, 1, 2, 2)));
    }
}
