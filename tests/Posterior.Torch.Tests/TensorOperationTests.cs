using System.Numerics;

namespace Posterior.Torch.Tests;

public sealed class TensorOperationTests
{
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Int64)]
    public void Small_whole_numbers_survive_every_number_format(DType dtype)
    {
        using var scope = new Scope();
        var x = Tensor.From([-2f, 0, 1, 3, 100], 5).To(dtype);
        Assert.Equal(dtype, x.DType);
        Assert.Equal(dtype.ElementSize() * 5, (int)(x.Count * x.DType.ElementSize()));
        Assert.Equal([-4f, 0, 2, 6, 200], (x + x).To(DType.Float32).ToArray<float>());
    }

    [Fact]
    public void Comparisons_give_flags_that_select()
    {
        using var scope = new Scope();
        var x = Tensor.From([-1f, 2, float.NaN, 4], 4);
        var positive = x.Greater(0);
        Assert.Equal(DType.Bool, positive.DType);
        Assert.Equal([false, true, false, true], positive.ToArray<bool>());
        Assert.Equal([2f, 4], x.Index(positive).ToArray<float>());
        Assert.Equal([0f, 2, 0, 4], positive.Where(x, x.ZerosLike()).ToArray<float>());
        Assert.True(x.IsNan().Any());
        Assert.False(x.IsFinite().All());
    }

    [Fact]
    public void Slices_are_views_in_the_order_of_the_elements()
    {
        using var scope = new Scope();
        var x = Tensor.Arange(0, 24).Reshape(2, 3, 4);
        Assert.Equal([5f, 7], x.Select(0, 0).Select(0, 1).Slice(0, 1, 4, 2).ToArray<float>());
        Assert.Equal([16f, 17, 18, 19], x.Narrow(1, 1, 1).Select(0, 1).Flatten().ToArray<float>());
        x.Select(0, 1).Select(0, 0).Fill(-1);
        Assert.Equal([-1f, -1, -1, -1], x.Slice(0, 1, 2).Narrow(1, 0, 1).Flatten().ToArray<float>());
        Assert.Equal([4L, 2, 3], x.Permute(2, 0, 1).Shape.ToArray());
        Assert.Equal([1L, 12, 4], x.Permute(2, 0, 1).Strides());
        Assert.Equal([3f, 2, 1, 0], x.Flip(2).Select(0, 0).Select(0, 0).ToArray<float>());
    }

    [Theory]
    [InlineData(5, 8)]
    [InlineData(7, 3)]
    [InlineData(1, 1)]
    [InlineData(16, 9)]
    public void Fourier_transforms_invert_each_other_and_agree(long height, long width)
    {
        using var scope = new Scope();
        var x = new SeededNoise(3).Normal([1, 2, height, width], DType.Float64);
        var spectrum = x.Fft2();
        Assert.Equal(DType.Complex128, spectrum.DType);
        Assert.True((spectrum.InverseFft2().Real() - x).Abs().Max().Item() < 1e-12);
        Assert.True((x.RealFft2().InverseRealFft2(height, width) - x).Abs().Max().Item() < 1e-12);
        Assert.True((spectrum.Narrow(-1 + 4, 0, width / 2 + 1) - x.RealFft2()).Abs().Max().Item() < 1e-10);
        Assert.Equal(x.Square().Sum().Item() * height * width, spectrum.Abs().Square().Sum().Item(), 6);
    }

    [Theory]
    [InlineData(6, 4)]
    [InlineData(4, 6)]
    [InlineData(5, 5)]
    public void The_pseudo_inverse_meets_the_four_moore_penrose_conditions(long rows, long columns)
    {
        using var scope = new Scope();
        var half = new SeededNoise(4).Normal([1, rows, 2], DType.Float64).Squeeze(0);
        var a = half.MatMul(new SeededNoise(5).Normal([1, 2, columns], DType.Float64).Squeeze(0));
        var p = a.PseudoInverse(1e-12);
        var (ap, pa) = (a.MatMul(p), p.MatMul(a));
        foreach (var difference in new[] { ap.MatMul(a) - a, pa.MatMul(p) - p, ap - ap.Transpose(0, 1), pa - pa.Transpose(0, 1) })
            Assert.True(difference.Abs().Max().Item() < 1e-11);
    }

    [Fact]
    public void Singular_vectors_are_orthonormal_and_values_descend()
    {
        using var scope = new Scope();
        var a = new SeededNoise(6).Normal([1, 7, 5], DType.Float64).Squeeze(0);
        var (u, s, vh) = a.Svd(full: true);
        Assert.Equal([7L, 7], u.Shape.ToArray());
        Assert.True((u.Transpose(0, 1).MatMul(u) - Tensor.Eye(7, DType.Float64)).Abs().Max().Item() < 1e-12);
        Assert.True((vh.MatMul(vh.Transpose(0, 1)) - Tensor.Eye(5, DType.Float64)).Abs().Max().Item() < 1e-12);
        var values = s.ToArray<double>();
        Assert.Equal(values.OrderDescending(), values);
    }

    [Fact]
    public void Data_of_every_element_type_comes_back_as_it_was()
    {
        using var scope = new Scope();
        Assert.Equal([1, 255], Tensor.From(new byte[] { 1, 255 }, 2).ToArray<byte>());
        Assert.Equal([-1L, long.MaxValue], Tensor.From(new[] { -1L, long.MaxValue }, 2).ToArray<long>());
        Assert.Equal([(Half)0.5f, Half.MaxValue], Tensor.From(new[] { (Half)0.5f, Half.MaxValue }, 2).ToArray<Half>());
        Assert.Equal([new Complex(1, -2)], Tensor.From(new[] { new Complex(1, -2) }, 1).ToArray<Complex>());
        Assert.Equal([true, false], Tensor.From(new[] { true, false }, 2).ToArray<bool>());
        Assert.Empty(Tensor.From(ReadOnlySpan<float>.Empty, 0, 3).ToArray<float>());
        Assert.Throws<ArgumentException>(() => Tensor.From([1f, 2, 3], 2, 2));
        Assert.Throws<InvalidOperationException>(() => Tensor.Ones([2]).ToArray<double>());
    }

    [Fact]
    public void Scalars_keep_the_type_of_a_single_precision_tensor()
    {
        using var scope = new Scope();
        Assert.Equal(DType.Float32, (Tensor.Ones([1]) * 2.5 + 1).DType);
        Assert.Equal(DType.BFloat16, (Tensor.Ones([1], DType.BFloat16) / 3).DType);
        Assert.Equal(3.5, (Tensor.Ones([1]) * 2.5 + 1).Item());
    }

    [Fact]
    public void A_transposed_convolution_in_half_precision_is_one()
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 4, 5, 6]);
        var weight = new SeededNoise(2).Normal([1, 128]).Reshape(4, 2, 4, 4);
        var exact = x.ConvTranspose2d(weight, stride: 2, padding: 1);
        var half = x.To(DType.BFloat16).ConvTranspose2d(weight.To(DType.BFloat16), stride: 2, padding: 1);
        Assert.Equal([1, 2, 10, 12], half.Shape.ToArray());
        Assert.InRange((half.To(DType.Float32) - exact).Norm().Item() / exact.Norm().Item(), 1e-6, 0.01);
    }
}
