using Posterior.Diffusion;
using Posterior.Evaluation;
using Posterior.Evaluation.Benchmarks;
using Posterior.Imaging;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Tests.Imaging;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Evaluation.Benchmarks;

public sealed class BenchmarkTests
{
    [Fact]
    public void A_row_holds_on_the_right_side_of_its_bar_only()
    {
        Assert.True(new BenchmarkRow("share", 0.55, "", 0.55).Holds);
        Assert.False(new BenchmarkRow("share", 0.54, "", 0.55).Holds);
        Assert.True(new BenchmarkRow("call", 1.9, "us", 2, BarSide.AtMost).Holds);
        Assert.False(new BenchmarkRow("call", 2.1, "us", 2, BarSide.AtMost).Holds);
        Assert.Null(new BenchmarkRow("rate", 400, "GFLOP/s").Holds);
        Assert.False(new BenchmarkRow("share", double.NaN, "", 0.55).Holds);
    }

    [Fact]
    public void Medians_ignore_an_outlier_and_ratios_are_taken_round_by_round()
    {
        Assert.Equal(2, Timing.Median([1, 100, 2]));
        Assert.Equal(1.5, Timing.Median([2, 1]));
        Assert.Equal(2, Timing.MedianRatio([2, 20, 200], [1, 10, 50]));
        Assert.Throws<ArgumentException>(() => Timing.Median([]));
    }

    [Fact]
    public void Work_is_done_in_turn_after_one_round_to_warm_up()
    {
        var order = new List<int>();
        var seconds = Timing.Interleaved(2, CancellationToken.None, () => order.Add(1), () => order.Add(2));
        Assert.Equal([1, 2, 1, 2, 1, 2], order);
        Assert.Equal([2, 2], seconds.Select(piece => piece.Length));
        Assert.Throws<OperationCanceledException>(() => Timing.Interleaved(1, new CancellationToken(true), () => { }));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Networks_agree_on_the_fast_path_and_on_atens(DType dtype)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        using var adm = new AdmUNet(new AdmUNetSettings { ModelChannels = 32, ChannelMult = [1, 2], AttentionResolutions = [2], NumResBlocks = 1, NumHeadChannels = 32, UseScaleShiftNorm = true, ResblockUpdown = true });
        using var plain = new AdmUNet(new AdmUNetSettings { ModelChannels = 32, ChannelMult = [1, 2], AttentionResolutions = [1], NumResBlocks = 1, NumHeads = 2 });
        using var photo = new PhotoUNet(new PhotoUNetSettings { Widths = [16, 32], Blocks = [1, 1], EmbeddingWidth = 32 });
        Module[] networks = [adm, plain, photo];
        foreach (var network in networks)
        {
            var noise = new SeededNoise(3);
            foreach (var parameter in network.Parameters) parameter.CopyFrom(noise.Normal([1, parameter.Count]).Reshape(parameter.Shape) * (1 / Math.Sqrt((double)parameter.Count / parameter.Size(0))));
            network.To(dtype);
        }
        var (x, time) = (new SeededNoise(1, 2).Normal([2, 3, 20, 12]).To(dtype), Tensor.From([3f, 500], 2));
        Tensor[] All() => [adm.Forward(x, time), plain.Forward(x, time), photo.Forward(x, time / 1000)];
        var fast = All();
        FastPath.Enable(false);
        try
        {
            foreach (var (a, b) in fast.Zip(All()))
            {
                var error = (a - b).To(DType.Float32).Norm().Item() / b.To(DType.Float32).Norm().Item();
                Assert.True(error < (dtype == DType.BFloat16 ? 2e-2 : 1e-5), $"{b}: {error}");
            }
        }
        finally
        {
            FastPath.Enable(true);
        }
    }

    [Fact]
    public void A_network_s_share_of_the_roofline_is_a_share()
    {
        using var scope = new Scope();
        using var layer = new Conv2d(64, 64, 3, padding: 1);
        var x = new SeededNoise(1).Normal([1, 64, 32, 32]);
        var rows = new NetworkBenchmark("layer", layer, () => layer.Forward(x.To(layer.DType))) { Rounds = 1, HalfBar = null }.Run();
        Assert.Equal(2.0 * 9 * 64 * 64 * 32 * 32 / 1e9, rows.Single(row => row.Unit == "GFLOP").Value, 9);
        Assert.Equal(DType.Float32, layer.DType);
        Assert.All(rows, row => Assert.True(row.Value > 0 && double.IsFinite(row.Value)));
        Assert.Contains(rows, row => row.Bar == 0.55);
    }

    [Fact]
    public void Every_family_of_operators_has_what_InvFussion_adds_to_Palette()
    {
        var rows = ConditionalBenchmark.Run(rounds: 1);
        Assert.Equal(OperatorFamilies.All.Count - 1, rows.Count);
        Assert.All(rows, row => Assert.Equal((ConditionalBenchmark.Bar, BarSide.AtMost), (row.Bar, row.Side)));
        // A share of the time, which can be (nearly) nothing on a busy machine, but not infinite nor less than nothing.
        Assert.All(rows, row => Assert.InRange(row.Value, -0.9, 50));
    }

    [Fact]
    public void Every_operator_of_the_catalogue_has_its_share_of_a_step()
    {
        var evaluations = 0;
        var rows = SolverBenchmark.Run(64, ("slow", () => { evaluations++; Thread.Sleep(20); }), [("other", () => Thread.Sleep(1))]);
        Assert.Equal(3 * OperatorCatalog.Entries.Count, rows.Count);
        Assert.All(OperatorCatalog.Entries, entry => Assert.Single(rows, row => row.Bar == SolverBenchmark.Bar && row.Side == BarSide.AtMost && row.Name == $"DDRM outside the network, {entry.Example}, share with slow"));
        Assert.Equal(1 + 5 * OperatorCatalog.Entries.Count, evaluations);
        Assert.All(rows, row => Assert.InRange(row.Value, 1e-6, row.Unit == "" ? 1 : 1e4));
    }

    [Fact]
    public void The_prior_s_own_time_is_not_counted_as_work_outside_it()
    {
        using var scope = new Scope();
        using var h = new Identity(new(3, 64, 64));
        var fast = SolverBenchmark.SecondsOutside(Measurement<SpectralOperator>.Simulate(h, Tensor.Zeros([1, 3, 64, 64]), 0.1, new SeededNoise(1)));
        Assert.InRange(fast, 1e-7, 0.5);
    }

    [Fact]
    public void Every_solver_that_evaluates_a_prior_has_a_row_and_those_that_differentiate_it_say_so()
    {
        var rows = CatalogueBenchmark.Shares(new CountingPrior(), "scaling");
        var solvers = SolverCatalog.ForPriors.Where(entry => entry.Default.Evaluations > 0).Select(entry => entry.Name).ToArray();
        Assert.Equal(solvers, rows.Select(row => row.Name.Split(' ')[0]));
        Assert.All(rows, row => Assert.Equal((CatalogueBenchmark.ShareBar, BarSide.AtMost), (row.Bar, row.Side)));
        // Beside a prior that costs nothing, a solver's own work is most of a step.
        Assert.All(rows, row => Assert.InRange(row.Value, 0.2, 1));
        Assert.Equal(SolverCatalog.All.Where(entry => entry.Default.DifferentiatesPrior).Select(entry => entry.Name).Order(), rows.Where(row => row.Name.Contains("derivative", StringComparison.Ordinal)).Select(row => row.Name.Split(' ')[0]).Order());
    }

    [Fact]
    public void Batches_of_a_prior_that_takes_the_same_time_for_any_batch_are_as_many_times_faster()
    {
        var rows = CatalogueBenchmark.Batches(new SleepingPrior(), "sleeper");
        Assert.InRange(rows[0].Value, 10, 40);
        Assert.Equal([0, 0], rows.Skip(1).Take(2).Select(row => row.Value));
        Assert.InRange(rows[3].Value, 6, 10);
        Assert.True(rows[3].Holds);
    }

    [Fact]
    public void Growth_of_memory_is_told_for_a_run_of_a_thousand_steps()
    {
        var prior = new CountingPrior();
        Assert.InRange(MemoryBenchmark.Growth(prior), 0, 1);
        Assert.Equal(1000, prior.Evaluations);
    }

    [Fact]
    public void A_prior_s_quality_is_rows_with_the_bars_of_its_tasks()
    {
        BenchmarkRow[] denoising = [.. new QualityRow("denoise", 3, 30.8, null, "noisy image", 20.2, 0.5, 30.7, null).ToBenchmarkRows()];
        Assert.Equal([30.8, 20.2, 10.6, 0.5], denoising.Select(row => Math.Round(row.Value, 6)));
        Assert.Equal([true, null, null, null], denoising.Select(row => row.Holds));
        BenchmarkRow[] gain = [.. new QualityRow("sr4", 3, 25, 24.8, "bicubic", 24.5, 0.5, null, 1).ToBenchmarkRows()];
        Assert.Equal([25, 24.5, 0.5, 0.3, 0.5], gain.Select(row => Math.Round(row.Value, 6)));
        Assert.Equal([null, null, false, null, null], gain.Select(row => row.Holds));
    }

    [Fact]
    public void A_prior_s_quality_tells_of_the_papers_noise_levels_where_the_prior_has_others()
    {
        using var folder = new TemporaryFolder();
        using var scope = new Scope();
        ImageFile.Save(folder["a.png"], ImageFile.Load(SampleImages.Files()[0]).Narrow(2, 64, 32).Narrow(3, 64, 32));
        using var images = ImageSource.Open(folder.Path);
        var linear = PriorQuality.Measure(GaussianDenoiser.Isotropic(Tensor.Zeros([1, 3, 32, 32]), 0.5), images, 1);
        Assert.Equal(5, linear.Count);
        Assert.All(linear, row => Assert.Null(row.PaperPsnr));
        var rows = PriorQuality.Measure(new Shifted(), images, 1);
        Assert.Null(rows[0].PaperPsnr);
        Assert.All(rows.Skip(1), row => Assert.InRange(Math.Abs(row.PaperPsnr!.Value - row.Psnr), 1e-4, 10));
        // The rows of the paper's levels are what a prior with these levels has.
        Assert.All(rows.Zip(linear).Skip(1), pair => Assert.Equal(pair.Second.Psnr, pair.First.PaperPsnr!.Value, 1e-3));
    }

    [Fact]
    public void The_shipped_photo_restores_as_well_in_bfloat16()
    {
        using var folder = new TemporaryFolder();
        // Of one picture of 64x64 the roundings of 20 steps changed the PSNR by 0.053 dB.
        var pictures = SampleImages.Files().Select((_, i) => folder[$"picture-{i}.png"]).ToArray();
        using (var scope = new Scope())
            foreach (var (file, picture) in SampleImages.Files().Zip(pictures)) ImageFile.Save(picture, ImageFile.Load(file).Narrow(2, 64, 128).Narrow(3, 64, 128));
        var rows = PrecisionBenchmark.Run(new(), pictures);
        Assert.InRange(rows[0].Value, 15, 60);
        Assert.NotEqual(rows[0].Value, rows[1].Value);
        Assert.Equal(Math.Abs(rows[0].Value - rows[1].Value), rows[2].Value);
        Assert.True(rows[2].Holds, $"{rows[2]}");
    }

    private sealed class SleepingPrior : Denoiser
    {
        public override long? Channels => 3;

        public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

        public override Tensor Denoise(Tensor x, double sigma)
        {
            Thread.Sleep(10);
            return x.Clone();
        }
    }

    // The Gaussian prior with other noise levels of its own.
    private sealed class Shifted : Denoiser
    {
        private readonly GaussianDenoiser _inner = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 3, 32, 32]), 0.5);

        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => _inner.SigmaRange;

        public override NoiseSchedule Schedule => new ShiftedCosineSchedule();

        public override Tensor Denoise(Tensor x, double sigma) => _inner.Denoise(x, sigma);
    }

    private sealed class CountingPrior : Denoiser
    {
        public int Evaluations { get; private set; }

        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

        public override Tensor Denoise(Tensor x, double sigma)
        {
            Evaluations++;
            return x * (1 / (1 + sigma * sigma));
        }
    }
}
