using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Training;

/// <summary>Trainings of seconds: what they teach, and that the exported model does it.</summary>
public sealed class ReversalTrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-reversal-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("dirac", "degradation=severity-blur:max=2,size=15")]
    [InlineData("dirac", "degradation=severity-box:size=6;dt=1")]
    [InlineData("indi", "degradation=severity-blur:max=2,size=15")]
    public void A_training_of_seconds_restores_better_than_no_training_and_its_model_runs_with_its_solver(string task, string settings)
    {
        var (untrained, trained) = Train(task, settings, DType.Float32);
        Assert.True(trained > untrained + 1, $"{task} {settings}: {untrained} dB before, {trained} dB after");

        using var model = Model.Load(Path.Combine(_folder, "run", "model.safetensors"));
        using var scope = new Scope();
        var degradation = settings.Split(';')[0]["degradation=".Length..];
        using var h = (SpectralOperator)OperatorCatalog.Parse(degradation).Bind(new ImageShape(3, 24, 20));
        var x = Stripes(24, 20);
        var y = Measurement<SpectralOperator>.Simulate(h, x, new UnitSigma(0.05).Signed, new SeededNoise(5));
        var found = SolverCatalog.Create(task, task == "dirac" ? SolverSettings.Parse(["step=0.25"]) : new() { Steps = 4 }).RestoreAny(y, model.Predictor, new SeededNoise(6));
        Assert.Equal((4, true), (found.Evaluations, found.Estimate.IsFinite().All()));
        var wrong = task == "dirac" ? "indi" : "dirac";
        Assert.Contains($"solver '{wrong}' needs", Assert.Throws<UnsupportedModelException>(() => SolverCatalog.Create(wrong).RestoreAny(y, model.Predictor, new SeededNoise(6))).Message);
        Assert.Contains("ddrm", Assert.Throws<UnsupportedModelException>(() => new Ddrm().RestoreAny(y, model.Predictor, new SeededNoise(6))).Message);
    }

    [Fact]
    public void Training_in_half_precision_with_a_greedy_schedule_reaches_the_card()
    {
        var schedule = Path.Combine(_folder, "schedule.json");
        File.WriteAllText(schedule, new SeverityScheduleFile
        {
            Degradation = "severity-blur:max=2,size=15",
            Distance = "ssim",
            Data = "test",
            Candidates = 5,
            Times = [0, 0.5, 1],
            Severities = [0, 0.25, 1],
            Widest = [0.1],
        }.ToJson());
        Train("dirac", $"degradation=severity-blur:max=2,size=15;schedule={schedule};sigma-max=0.1", DType.BFloat16);
        using var model = Model.Load(Path.Combine(_folder, "run", "model.safetensors"));
        var reverser = Assert.IsType<NetworkReverser>(model.Predictor);
        Assert.Equal("severity-blur:max=2,min=0.3,size=15", reverser.Process.Degradation.Text);
        Assert.Equal(0.25, reverser.Process.Schedule.At(0.5));
        Assert.Equal((0.02, 0.2), (reverser.Noise.Min, reverser.Noise.Max));
        Assert.Equal("a model that reverses the degradation 'severity-blur:max=2,min=0.3,size=15'", reverser.Kind);
    }

    [Theory]
    [InlineData("degradation=sr4", "expected one by severity")]
    [InlineData("degradation=severity-blur:max=0", "'max' must be a number")]
    [InlineData("degradation=severity-blur:max=2,t=0.5", "without t")]
    [InlineData("schedule=nothing.json", "posterior schedule")]
    [InlineData("dt=2", "dt: expected 0 to 1")]
    [InlineData("sigma-min=0", "0 < sigma-min")]
    [InlineData("width=10", "8, 12, 16 or a multiple of 32")]
    [InlineData("width=48", "8, 12, 16 or a multiple of 32")]
    public void A_wrong_setting_is_named_before_any_work(string setting, string expected)
    {
        var pair = setting.Split('=', 2);
        var error = Assert.ThrowsAny<Exception>(() => TrainingTasks.Find("dirac").Create(new Dictionary<string, string> { [pair[0]] = pair[1] }).Create(new(0, 32, 1, DType.Float32)));
        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    private (double Untrained, double Trained) Train(string task, string settings, DType activations)
    {
        var values = settings.Split(';').Select(setting => setting.Split('=', 2)).Append(["width", "8"]).Append(["blocks", "1"]).ToDictionary(pair => pair[0], pair => pair[1]);
        using var objective = (ReversalObjective)TrainingTasks.Find(task).Create(values).Create(new(0, 16, 1, activations));
        var images = new TrainingImages(3);
        for (var i = 0; i < 30; i++)
        {
            using var scope = new Scope();
            var unit = ValueRange.ToUnit(Stripes(24, 20, i));
            images.Add((unit * 255).Round().To(DType.UInt8).Reshape(-1).ToArray<byte>(), 24, 20);
        }
        using var run = new TrainingRun(Path.Combine(_folder, "run"), objective, images, new TrainingSettings { Images = 320, Batch = 8, Crop = 16, WarmUp = 64, LearningRate = 3e-3, Seed = 2, Task = task });
        var before = run.HeldOutQuality();
        run.Run();
        run.Export(Path.Combine(_folder, "run", "model.safetensors"), new ModelCard());
        return (before!.Value, run.HeldOutQuality()!.Value);
    }

    // Hard-edged stripes of some period and phase.
    private static Tensor Stripes(int height, int width, int phase = 0)
    {
        using var scope = new Scope();
        var columns = Tensor.Arange(0, width) + phase;
        var wave = (columns * (Math.PI / (3 + phase % 3))).Sin().GreaterOrEqual(0).To(DType.Float32) * 1.4 - 0.7;
        return scope.Keep(wave.Reshape(1, 1, 1, width).Repeat(1, 3, height, 1));
    }
}
