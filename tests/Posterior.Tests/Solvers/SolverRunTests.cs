using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>What every solver's loop owes its caller: progress, cancellation, memory, independence of the batch.</summary>
[Collection(LiveHandles.Name)]
public sealed class SolverRunTests
{
    private static readonly ImageShape _shape = new(3, 32, 32);

    public static TheoryData<string> Names => [.. SolverCatalog.ForPriors.Select(entry => entry.Name)];

    public static TheoryData<string> Loops => [.. SolverCatalog.ForPriors.Where(entry => entry.Default.Reports > 0).Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void An_image_is_restored_alike_in_any_batch(string name)
    {
        using var scope = new Scope();
        var solver = Brief(name);
        using var small = new BlockAverage(_shape, 2);
        using var whole = new Identity(_shape);
        SpectralOperator h = solver.Accepts(small) ? small : whole;
        var prior = Prior();
        ulong[] seeds = [11, 12, 13, 14];
        var sigma = solver.HandlesNoise ? 0.1 : 0;
        var images = new SeededNoise(seeds).Normal(_shape.Batch(4)) * 0.4;
        var y = Measurement<SpectralOperator>.Simulate(h, images, sigma, new SeededNoise(seeds)).Data;
        var together = solver.RestoreAny(new Measurement<SpectralOperator>(y, h, sigma), prior, new SeededNoise(seeds)).Estimate;
        for (var i = 0; i < 4; i++)
        {
            var alone = solver.RestoreAny(new Measurement<SpectralOperator>(y.Narrow(0, i, 1), h, sigma), prior, new SeededNoise(seeds[i])).Estimate;
            Assert.True((alone - together.Narrow(0, i, 1)).Abs().Max().Item() <= 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_evaluation_is_reported_and_no_tensor_outlives_the_run_but_the_result(string name)
    {
        using var scope = new Scope();
        var solver = Brief(name);
        using var holes = new Inpainting(_shape, new SeededNoise(9).Normal([1, 32, 32]).Squeeze(0).Greater(0).To(DType.Float32));
        using var small = new BlockAverage(_shape, 2);
        SpectralOperator h = solver.Accepts(holes) ? holes : small;
        var prior = Prior();
        var measurement = Measurement<SpectralOperator>.Simulate(h, Tensor.Zeros(_shape.Batch(1)), 0, new SeededNoise(1));
        var noise = new SeededNoise(2);
        solver.RestoreAny(measurement, prior, noise);
        var before = LiveHandles.Count();
        var steps = new List<SolverStep>();
        var live = new List<long>();
        var result = solver.RestoreAny(measurement, prior, noise, new Reporter<SolverStep>(step =>
        {
            Assert.Equal(_shape.Batch(1), step.Estimate.Shape.ToArray());
            steps.Add(step);
            live.Add(Tensor.LiveCount);
        }));
        Assert.Equal(before + 1, LiveHandles.Count());
        // A process whose steps are not divided has a few more than were asked for, and tells of each.
        Assert.Equal(solver.EvaluationsWith(prior), result.Evaluations);
        Assert.Equal(solver.Reports == solver.Evaluations ? result.Evaluations : solver.Reports, steps.Count);
        Assert.Equal(steps.Select(step => step.Index).Order(), steps.Select(step => step.Index));
        Assert.All(steps, step => Assert.InRange(step.Index, 0, step.Count - 1));
        Assert.All(live.Skip(1), count => Assert.InRange(count, 0, live[1])); // the last step of a method of second order holds less
        Assert.True(result.Estimate.IsFinite().All());
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public void Cancellation_stops_between_steps_and_leaves_nothing_behind(string name)
    {
        using var scope = new Scope();
        using var h = new BlockAverage(_shape, 2);
        var prior = Prior();
        var measurement = Measurement<SpectralOperator>.Simulate(h, Tensor.Zeros(_shape.Batch(1)), 0, new SeededNoise(1));
        var solver = SolverCatalog.Create(name);
        solver.RestoreAny(measurement, prior, new SeededNoise(2));
        using var source = new CancellationTokenSource();
        var before = LiveHandles.Count();
        var (reports, last) = (0, Math.Min(3, solver.Reports));
        Assert.Throws<OperationCanceledException>(() => solver.RestoreAny(measurement, prior, new SeededNoise(2), new Reporter<SolverStep>(_ =>
        {
            if (++reports == last) source.Cancel();
        }), source.Token));
        Assert.Equal(last, reports);
        Assert.Equal(before, LiveHandles.Count());
    }

    [Fact]
    public void Memory_stays_flat_over_a_thousand_steps()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 64, 64);
        using var h = new BlockAverage(shape, 4);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.5);
        var measurement = Measurement<SpectralOperator>.Simulate(h, Tensor.Zeros(shape.Batch(1)), 0.1, new SeededNoise(1));
        var (early, late) = (0L, 0L);
        new Ddrm { Steps = 1000 }.Restore(measurement, prior, new SeededNoise(2), new Reporter<SolverStep>(step =>
        {
            // Garbage that the collector has not got round to is bounded by its budget; what is asked here is whether anything stays.
            if (step.Index % 50 != 0) return;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            if (step.Index is >= 50 and <= 150) early = Math.Max(early, Resident());
            if (step.Index >= 900) late = Math.Max(late, Resident());
        }));
        // A tensor of this size that stayed in each step would be 42 MB.
        Assert.True(late - early < 8 << 20, $"resident memory grew from {early} to {late} bytes");
    }

    [Fact]
    public void A_prior_that_hands_back_its_own_argument_is_safe()
    {
        using var scope = new Scope();
        using var h = new Inpainting(_shape, Tensor.Zeros([32, 32]));
        var measurement = Measurement<SpectralOperator>.Simulate(h, Tensor.Zeros(_shape.Batch(1)), 0, new SeededNoise(1));
        foreach (var solver in new Solver[] { new Ddrm { Steps = 4, Eta = 0 }, new Ddnm { Steps = 4, Eta = 0 }, new DdnmPlus { Steps = 4, Eta = 0 } })
        {
            // Nothing is known and nothing is removed: the state stays what it was.
            var start = new SeededNoise(2).Normal(_shape.Batch(1)) * 3;
            var run = solver switch
            {
                Ddrm ddrm => ddrm with { Schedule = new ExplicitSchedule(3, 2, 1, 0.5) },
                Ddnm ddnm => ddnm with { Schedule = new ExplicitSchedule(3, 2, 1, 0.5) },
                DdnmPlus plus => plus with { Schedule = new ExplicitSchedule(3, 2, 1, 0.5) },
                _ => solver,
            };
            OraclePriors.Close(start, run.RestoreAny(measurement, new Untouched(), new SeededNoise(2)).Estimate, 1e-6, solver.Name);
        }
    }

    // The methods of a thousand evaluations with fewer steps: what is checked here is the loop.
    private static Solver Brief(string name) => SolverCatalog.Find(name).Default.Evaluations > 200 ? SolverCatalog.Create(name, new() { Steps = 12 }) : SolverCatalog.Create(name);

    private static GaussianMixtureDenoiser Prior() =>
        GaussianMixtureDenoiser.Isotropic([0.3, 0.7], new SeededNoise(21, 22).Normal(_shape.Batch(2)) * 0.5, [0.3, 0.2]);

    private static long Resident()
    {
        foreach (var line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal)) return long.Parse(line.AsSpan(6, line.Length - 9).Trim(), System.Globalization.CultureInfo.InvariantCulture) * 1024;
        return Environment.WorkingSet;
    }

    private sealed class Untouched : Denoiser
    {
        public override long? Channels => null;

        public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

        public override Tensor Denoise(Tensor x, double sigma) => x;
    }
}
