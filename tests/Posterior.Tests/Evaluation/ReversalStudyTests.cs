using Posterior.Diffusion;
using Posterior.Evaluation;
using Posterior.Evaluation.Reversal;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Evaluation;

/// <summary>Studies of a model that does nothing yet: at random weights its estimate is the state itself, so what the studies must find is known.</summary>
public sealed class ReversalStudyTests : IDisposable
{
    private const string Degradation = "severity-blur:max=2,size=15";

    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-study-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_trade_off_measures_each_time_and_its_stopping_points_reach_the_solver_through_the_card()
    {
        using var scope = new Scope();
        var settings = Settings(Export("dirac"));
        var report = new TradeoffStudy(settings).Run();
        Assert.Equal([1, 0.75, 0.5, 0.25], report.Points.Select(point => point.Time));
        Assert.Equal(2, report.Images);
        Assert.Equal(0.05 * 0.05, report.NoiseVariance, 1e-9);

        // The first estimate is the measurement.
        var (truth, blur) = (Picture(), (BlurSeverity)OperatorCatalog.Parse(Degradation));
        using var h = blur.At(ImageShape.Of(truth), 1);
        var blurred = (h.Apply(truth) - truth).Square().Mean().Item() / 4 + 0.05 * 0.05;
        Assert.Equal(-10 * Math.Log10(blurred), report.Points[0].Psnr, 0.3);
        Assert.All(report.Points, point => Assert.True(point is { Ssim: > 0 and < 1, Perception: > 0, Consistency: > 0 }));

        var path = TradeoffStudy.Store(settings.Model.Model, new(0.25, 0.4, 0.9));
        Assert.Equal(Path.ChangeExtension(settings.Model.Model, ".json"), path);
        using var model = Model.Load(settings.Model.Model);
        var reverser = Assert.IsType<NetworkReverser>(model.Predictor);
        Assert.Equal(new StoppingPoints(0.25, 0.4, 0.9), reverser.Stops);
        var measurement = Measurement<LinearOperator>.Simulate(h, truth, 0.1, new SeededNoise(1));
        Assert.Equal(3, new Dirac { Prefer = Preference.Perception }.Restore(measurement, reverser, new SeededNoise(2)).Evaluations);
        Assert.Equal(1, new Dirac { Prefer = Preference.Distortion }.Restore(measurement, reverser, new SeededNoise(2)).Evaluations);

        var picture = Path.Combine(_folder, "curve.png");
        StudyFiles.Write(picture, CurvePicture.Of(report), report.ToJson());
        Assert.True(File.Exists(picture));
        Assert.Contains("\"noise_variance\"", File.ReadAllText(StudyFiles.NumbersFor(picture)));
    }

    [Theory]
    [InlineData("dirac")]
    [InlineData("indi")]
    public void A_wider_blur_and_more_noise_leave_a_model_that_does_nothing_with_a_worse_image(string task)
    {
        using var scope = new Scope();
        var report = new RobustnessStudy(Settings(Export(task)) with { Images = 1, Step = 1 }).Run();
        Assert.Equal([0.6, 0.8, 1, 1.2, 1.4], report.Widths.Select(point => point.Value));
        Assert.Equal([0, 0.02, 0.04, 0.05, 0.06, 0.08], report.Noise.Select(point => point.Value));
        foreach (var points in new[] { report.Widths, report.Noise })
            Assert.Equal(points.Select(point => point.Psnr).OrderDescending(), points.Select(point => point.Psnr));
        Assert.Equal(task, report.Solver);
        Assert.Equal(3, CurvePicture.Of(report).Size(1));
    }

    [Fact]
    public void A_study_refuses_what_it_cannot_use_in_one_line()
    {
        var blend = Settings(Export("indi"));
        Assert.Contains("needs one that reverses a degradation", Assert.Throws<ModelException>(() => new TradeoffStudy(blend).Run()).Message);
        Assert.Contains("--weights lpips-alex=FILE", Assert.Throws<ArgumentException>(() => new TradeoffStudy(blend with { Perception = "lpips-alex" }).Run()).Message);
        Assert.Contains("step is 0", Assert.Throws<MeasurementException>(() => new TradeoffStudy(blend with { Step = 0 })).Message);
        Assert.Contains("no stopping points", Assert.Throws<SolverOptionsException>(() => new RobustnessStudy(Settings(Export("dirac")), Preference.Perception).Run()).Message);
    }

    [Fact]
    public void A_greedy_schedule_keeps_neighbours_closer_than_equal_steps()
    {
        using var scope = new Scope();
        var spec = (SeveritySpec)OperatorCatalog.Parse(Degradation);
        foreach (var metric in new IMetric[] { new Ssim(), new Psnr() })
        {
            var distances = ScheduleStudy.Distances(spec, Picture(), metric, 17);
            for (var i = 0; i < 17; i++)
            {
                Assert.Equal(0, distances[i, i]);
                if (i > 1) Assert.True(distances[0, i] > distances[0, i - 1], $"{metric.Name} {i}");
            }
            var file = ScheduleStudy.Choose(spec, distances, 3, metric.Name, "one picture");
            Assert.True(file.Widest[^1] < new[] { (0, 4), (4, 8), (8, 12), (12, 16) }.Max(step => distances[step.Item1, step.Item2]));
            Assert.Equal((5, 0.0, 1.0), (file.Severities.Count, file.Severities[0], file.Severities[^1]));
            Assert.Equal(file.Severities, new SeveritySchedule(file.Times, file.Severities).Severities);
        }
    }

    [Fact]
    public void The_distance_of_spectra_sees_detail_and_not_where_it_is()
    {
        using var scope = new Scope();
        var picture = ValueRange.ToUnit(Picture());
        var metric = new LogSpectralDistance();
        Assert.Equal(0, metric.Compare(picture, picture)[0]);
        Assert.Equal(0, metric.Compare(picture.Roll([3, 5], [2, 3]), picture)[0], 1e-4);
        var spec = (SeveritySpec)OperatorCatalog.Parse(Degradation);
        var (mild, severe) = (metric.Compare(spec.Degrade(picture, [0.3]), picture)[0], metric.Compare(spec.Degrade(picture, [1]), picture)[0]);
        Assert.True(mild > 0.5 && severe > mild, $"{mild} and {severe}");
        // Twice the amplitude is 6.02 dB in every ring.
        Assert.Equal(20 * Math.Log10(2), metric.Compare(picture * 2, picture)[0], 0.05);
    }

    private ReversalStudySettings Settings(string model)
    {
        using var scope = new Scope();
        var data = Path.Combine(_folder, "data");
        if (!Directory.Exists(data))
        {
            Directory.CreateDirectory(data);
            ImageFile.Save(Path.Combine(data, "a.png"), ValueRange.ToUnit(Picture()));
            ImageFile.Save(Path.Combine(data, "b.png"), ValueRange.ToUnit(Picture()).Flip(3));
        }
        return new() { Model = new PriorSettings { Model = model }, Data = data, Step = 0.25, Size = new(32, 32) };
    }

    private string Export(string task)
    {
        var path = Path.Combine(_folder, $"{task}.safetensors");
        if (File.Exists(path)) return path;
        using var objective = TrainingTasks.Find(task).Create(new Dictionary<string, string> { ["degradation"] = Degradation, ["width"] = "8", ["blocks"] = "1" }).Create(new(0, 32, 1, DType.Float32));
        ModelExport.Write(path, objective.Network, objective.Describe(new ModelCard()));
        return path;
    }

    // A piece of the rendered still life, 32 x 32.
    private static Tensor Picture()
    {
        using var scope = new Scope();
        return scope.Keep(ValueRange.ToSigned(Crop.Centre(ImageFile.Load(SampleImages.Files().Single(file => file.EndsWith("lettering.png", StringComparison.Ordinal))), 64, 64).AveragePool(2, 2)));
    }
}
