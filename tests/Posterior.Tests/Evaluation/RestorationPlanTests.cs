using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

[Collection(LiveHandles.Name)]
public sealed class RestorationPlanTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-plan-").FullName;

    public RestorationPlanTests()
    {
        using var scope = new Scope();
        using var network = new PhotoUNet(new() { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 });
        network.Initialise(new SeededNoise(1));
        ModelExport.Write(File("tiny.safetensors"), network, new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.Edm } });
        ImageFile.Save(File("y.png"), ValueRange.ToUnit(Scenes.Of(3, 48, 64)).Clamp(0, 1));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_plan_counts_what_the_restoration_then_does()
    {
        var before = LiveHandles.Count();
        var settings = new RestorationSettings { Operator = "denoise", Sigma = 0.1, Samples = 2, SolverSettings = new() { Steps = 5 }, Prior = new() { Model = File("tiny.safetensors") } };
        var plan = Plan(settings, [Item()]);
        Assert.Empty(plan.Problems);
        var item = Assert.Single(plan.Items);
        Assert.Equal((new ImageSize(64, 48), 0.1, 1, 10), (item.ImageSize, item.Sigma, item.Tiles, item.Evaluations));
        Assert.True(item.Seconds > 0 && item.PeakBytes > 0);
        Assert.True(plan.MeasuredEvaluations.ContainsKey("64x48"));
        Assert.False(System.IO.File.Exists(File("x.png")), "a plan wrote a picture");
        using (var job = new RestorationJob(settings, _folder))
        {
            var receipt = job.Run(File("y.png"), File("x.png"));
            Assert.Equal(receipt.Evaluations, item.Evaluations);
            Assert.Equal(["eta=0.85", "eta-b=1", "final-projection=yes", "schedule=prior", "steps=5"], receipt.SolverSettings!.Values.Select(setting => $"{setting.Key}={setting.Value}"));
            Assert.Equal("ShiftedCosineSchedule { Median = 0.7, Min = 0.03, Max = 100 }", receipt.PriorSchedule);
        }
        Assert.True(Assert.Single(Plan(settings, [Item()]).Items).Finished);
        Assert.False(Assert.Single(Plan(settings, [Item()], force: true).Items).Finished);
        Assert.Equal(before, LiveHandles.Count());
    }

    [Fact]
    public void Steps_that_the_process_of_a_prior_does_not_have_are_a_problem_of_the_plan()
    {
        using (var scope = new Scope())
        {
            using var network = new PhotoUNet(new() { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 });
            network.Initialise(new SeededNoise(1));
            ModelExport.Write(File("short.safetensors"), network, new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.VpLinear, Steps = 10 } });
        }
        RestorationSettings Settings(params string[] set) => new() { Operator = "denoise", Sigma = 0.1, SolverSettings = SolverSettings.Parse(set), Prior = new() { Model = File("short.safetensors") } };
        Assert.Contains("steps is 20, expected 1 to 10", Assert.Single(Plan(Settings(), [Item()]).Problems), StringComparison.Ordinal);
        Assert.Empty(Plan(Settings("schedule=vp-linear"), [Item()]).Problems);
        Assert.Empty(Plan(Settings("steps=10"), [Item()]).Problems);
    }

    [Fact]
    public void Tiles_are_counted_and_each_costs_its_share()
    {
        using (var scope = new Scope()) ImageFile.Save(File("wide.png"), ValueRange.ToUnit(Scenes.Of(3, 48, 400)).Clamp(0, 1));
        var settings = new RestorationSettings { Operator = "denoise", Sigma = 0.1, SolverSettings = new() { Steps = 1 }, Prior = new() { Model = File("tiny.safetensors"), Tile = "64" } };
        var plan = Plan(settings, [new(File("wide.png"), File("x.png"))]);
        var item = Assert.Single(plan.Items);
        Assert.True(item.Tiles > 1);
        var (size, seconds) = Assert.Single(plan.MeasuredEvaluations);
        Assert.NotEqual("400x48", size);
        // Overlapping tiles have more pixels than the image, and none is larger than the one that was measured.
        Assert.InRange(item.Seconds!.Value / seconds, item.Tiles!.Value / 4.0, item.Tiles.Value + 1e-9);
    }

    [Fact]
    public void A_batch_of_grey_and_coloured_images_of_one_size_is_planned()
    {
        using (var scope = new Scope()) ImageFile.Save(File("grey.png"), ValueRange.ToUnit(Scenes.Of(1, 48, 64)).Clamp(0, 1));
        var settings = new RestorationSettings { Operator = "denoise", Sigma = 0.1, SolverSettings = new() { Steps = 1 }, Prior = new() { Model = File("tiny.safetensors") } };
        var plan = Plan(settings, [Item(), new(File("grey.png"), File("x2.png"))]);
        Assert.Empty(plan.Problems);
        Assert.All(plan.Items, item => Assert.True(item.Seconds > 0));
        Assert.Equal("64x48", Assert.Single(plan.MeasuredEvaluations).Key);
    }

    [Fact]
    public void All_problems_stand_in_one_list_and_none_twice()
    {
        var plan = Plan(
            new() { Operator = "block-cs4", Sigma = null, Solver = "ddmr", Samples = 0, Prior = new() { Model = "nowhere", Class = 1, ClassifierScale = 2 } },
            [Item(), new(File("absent.png"), File("x.gif"))],
            problems: ["found before"]);
        Assert.False(plan.WouldRun);
        foreach (var expected in new[] { "found before", "no solver is called 'ddmr'", "samples is 0", "the noise cannot be estimated", "needs a classifier", "absent.png", "no image format" })
            Assert.Single(plan.Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
        Assert.Equal(plan.Problems.Distinct(), plan.Problems);
        Assert.Null(plan.PeakBytes);
    }

    [Fact]
    public void A_size_that_does_not_fit_and_a_noiseless_method_with_noise_are_told()
    {
        var prior = new PriorSettings { Model = File("tiny.safetensors") };
        var wrong = Plan(new() { Operator = "sr4", Sigma = 0.1, Size = new ImageSize(100, 100), Prior = prior }, [Item()]);
        Assert.Contains("comes from images of 256x192, not of 100x100", Assert.Single(wrong.Problems));
        var noisy = Plan(new() { Operator = "sr2", Sigma = 0.1, Solver = "ddnm", SolverSettings = new() { Steps = 1 }, Prior = prior }, [Item()]);
        Assert.True(noisy.WouldRun);
        Assert.Contains("solver 'ddnm' takes the measurement for exact", Assert.Single(noisy.Remarks));
        Assert.Empty(Plan(new() { Operator = "sr2", Sigma = 0, Solver = "ddnm", SolverSettings = new() { Steps = 1 }, Prior = prior }, [Item()]).Remarks);
    }

    private string File(string name) => Path.Combine(_folder, name);

    private BatchItem Item() => new(File("y.png"), File("x.png"));

    private RestorationPlan Plan(RestorationSettings settings, IReadOnlyList<BatchItem> items, bool force = false, string[]? problems = null) =>
        new RestorationPlanner(settings, _folder, problems ?? []).Make(items, force);
}
