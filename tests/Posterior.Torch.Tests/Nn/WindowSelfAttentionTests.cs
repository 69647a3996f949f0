using Posterior.Torch.Nn;

namespace Posterior.Torch.Tests.Nn;

/// <summary>Attention inside windows and its derivatives, against libtorch's operators in double precision.</summary>
public sealed class WindowSelfAttentionTests : IDisposable
{
    private readonly string _variant = TorchRuntime.FastPath.Vector;

    public static TheoryData<string, DType> Variants() => VectorCodeTests.Variants();

    public void Dispose() => FastPath.SelectVector(_variant);

    [Theory]
    [MemberData(nameof(Variants))]
    public void It_and_its_derivatives_match_double_precision(string variant, DType dtype)
    {
        FastPath.SelectVector(variant);
        var random = new Random(3);
        int[] widths = [1, 5, 10, 16, 17, 30, 33];
        for (var round = 0; round < 24; round++)
        {
            using var scope = new Scope();
            var (window, heads, width, batch) = (2 + round % 7, random.Next(1, 7), widths[random.Next(widths.Length)], random.Next(1, 4));
            var (down, across, shift, masked) = (random.Next(1, 4), random.Next(1, 4), random.Next(2) * (window / 2), random.Next(2) == 0);
            var (tokens, scale) = ((long)window * window, 1 / Math.Sqrt(width));
            var (qkv, exactQkv) = Reference.Random(1, dtype, batch, down * window, across * window, 3L * heads * width);
            // Training has weights in single precision whatever the activations are in.
            var (bias, exactBias) = Reference.Random(2, DType.Float32, heads, tokens, tokens);
            var mask = masked ? (Reference.Random(3, DType.Float32, (long)down * across, tokens, tokens).Given.Abs() * -20).Round() : null;
            var seed = Reference.Random(4, dtype, batch, down * window, across * window, (long)heads * width);
            foreach (var tensor in new[] { qkv, exactQkv, bias, exactBias }) tensor.RequiresGrad = true;
            var name = $"{variant} {dtype}, {batch} images of {down}x{across} windows of {window}, shift {shift}, {heads} heads of {width}, mask {masked}";

            var wanted = WindowSelfAttention.ThroughAten(exactQkv, heads, window, shift, scale, exactBias, mask);
            (wanted * seed.Exact).Sum().Backward();
            var y = FastPath.WindowAttention(qkv, heads, window, shift, scale, bias, mask);
            Assert.NotNull(y);
            (y * seed.Given).Sum().Backward();
            Near(y.Detach(), wanted.Detach(), "result");
            Near(qkv.Grad()!, exactQkv.Grad()!, "derivative of qkv");
            Near(bias.Grad()!, exactBias.Grad()!, "derivative of the bias");
            Assert.Equal((dtype, dtype, DType.Float32), (y.DType, qkv.Grad()!.DType, bias.Grad()!.DType));

            using var noGrad = new NoGrad();
            Near(FastPath.WindowAttention(qkv, heads, window, shift, scale, bias, mask)!, wanted.Detach(), "result of inference");

            void Near(Tensor found, Tensor expected, string what)
            {
                var error = Reference.Error(found, expected);
                Assert.True(error < 2 * Reference.Tolerance(dtype), $"{what} of {name}: {error}");
            }
        }
    }

    [Fact]
    public void It_depends_neither_on_the_number_of_threads_nor_on_the_gradients_asked_for()
    {
        using var scope = new Scope();
        var threads = TorchRuntime.Threads;
        try
        {
            var results = new[] { (1, true), (3, true), (2, false) }.Select(pair =>
            {
                TorchRuntime.Threads = pair.Item1;
                var qkv = Reference.Random(1, DType.Float32, 3, 40, 48, 48).Given;
                var bias = Reference.Random(2, DType.Float32, 2, 64, 64).Given;
                (qkv.RequiresGrad, bias.RequiresGrad) = (true, pair.Item2);
                WindowSelfAttention.Forward(qkv, 2, 8, 4, 0.3, bias).Square().Sum().Backward();
                return (Qkv: qkv.Grad()!.ToArray<float>(), Bias: bias.Grad()?.ToArray<float>());
            }).ToArray();
            Assert.Equal(results[0].Qkv, results[1].Qkv);
            Assert.Equal(results[0].Qkv, results[2].Qkv);
            Assert.Equal(results[0].Bias, results[1].Bias);
            Assert.Null(results[2].Bias);
        }
        finally
        {
            TorchRuntime.Threads = threads;
        }
    }

    [Fact]
    public void What_the_fast_path_does_not_know_goes_through_the_operators()
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var (qkv, exact) = Reference.Random(1, DType.Float32, 1, 34, 17, 12);
        var (bias, _) = Reference.Random(2, DType.Float32, 2, 289, 289);
        Assert.Null(FastPath.WindowAttention(exact, 2, 17, 0, 1, bias, null));
        Assert.Null(FastPath.WindowAttention(qkv, 2, 17, 0, 1, bias, null)); // more tokens than the caches hold
        Assert.True(Reference.Error(WindowSelfAttention.Forward(qkv, 2, 17, 8, 1, bias), WindowSelfAttention.Forward(exact, 2, 17, 8, 1, bias)) < 1e-5);
    }
}
