using System.Text.Json;

namespace Posterior.Cli.Tests;

/// <summary>The way of a DiracDiffusion model from the command line: schedule, training, trade-off, restoration, robustness.</summary>
public sealed class ReversalTests(ReversalTests.TrainedWorkspace workspace) : IClassFixture<ReversalTests.TrainedWorkspace>
{
    private const string Blur = "severity-blur:max=1.5,size=15";

    [Fact]
    public void A_greedy_schedule_is_written_with_its_plot_and_a_training_takes_it()
    {
        var output = ProgramRun.Of(workspace.Files, "schedule", "--degradation", Blur, "--data", "set", "--crop", "32", "--candidates", "9", "--points", "2", "-o", "schedule.png", "--threads", "1").Succeeded().Output;
        Assert.Contains("largest distance of neighbours", output);
        Assert.True(workspace.Files.Exists("schedule.png"));
        using var schedule = JsonDocument.Parse(workspace.Files.Bytes("schedule.json"));
        Assert.Equal(4, schedule.RootElement.GetProperty("severities").GetArrayLength());
        ProgramRun.Of(workspace.Files, [.. TrainedWorkspace.Training("dirac", "scheduled"), "--set", "schedule=schedule.json"]).Succeeded();
        using var card = JsonDocument.Parse(workspace.Files.Bytes("scheduled/model.json"));
        Assert.Equal(4, card.RootElement.GetProperty("role_settings").GetProperty("severities").GetArrayLength());
    }

    [Fact]
    public void Stopping_points_are_stored_in_the_card_and_preferred_by_a_restoration()
    {
        var output = ProgramRun.Of(workspace.Files, "tradeoff", "--model", "dirac/model.safetensors", "--data", "set", "--size", "32x32", "--step", "0.25", "-o", "tradeoff.png", "--threads", "1").Succeeded().Output;
        Assert.Contains("stopping points stored", output);
        Assert.True(workspace.Files.Exists("tradeoff.png"));
        using var numbers = JsonDocument.Parse(workspace.Files.Bytes("tradeoff.json"));
        Assert.Equal(4, numbers.RootElement.GetProperty("points").GetArrayLength());

        ProgramRun.Of(workspace.Files, "degrade", "set/a.png", "--operator", Blur, "--sigma", "0.05", "-o", "blurred.png").Succeeded();
        string[] restore = ["restore", "blurred.png", "--sigma", "0.05", "--solver", "dirac", "--model", "dirac/model.safetensors", "--threads", "1"];
        ProgramRun.Of(workspace.Files, [.. restore, "--operator", Blur, "--prefer", "distortion", "-o", "sharp.png"]).Succeeded();
        using var receipt = JsonDocument.Parse(workspace.Files.Bytes("sharp.png.json"));
        Assert.InRange(receipt.RootElement.GetProperty("evaluations").GetInt32(), 1, 4);
        Assert.False(receipt.RootElement.TryGetProperty("out_of_distribution", out _));

        var foreign = ProgramRun.Of(workspace.Files, [.. restore, "--operator", "severity-blur:max=2,size=15", "--set", "step=0.5", "-o", "foreign.png"]).Succeeded();
        Assert.Contains("out of distribution: the model was trained for 'severity-blur:max=1.5,min=0.3,size=15'", foreign.Output + foreign.Error);
    }

    [Theory]
    [InlineData("dirac")]
    [InlineData("indi")]
    public void Robustness_prints_and_writes_blurs_and_noise_that_differ_from_the_training(string task)
    {
        var output = ProgramRun.Of(workspace.Files, "robustness", "--model", $"{task}/model.safetensors", "--data", "set", "--size", "32x32", "--step", "0.5", "--images", "1", "-o", $"robust-{task}.png", "--threads", "1").Succeeded().Output;
        Assert.Contains("width of the blur", output);
        using var numbers = JsonDocument.Parse(workspace.Files.Bytes($"robust-{task}.json"));
        Assert.Equal(5, numbers.RootElement.GetProperty("widths").GetArrayLength());
        Assert.Equal(6, numbers.RootElement.GetProperty("noise").GetArrayLength());
    }

    [Theory]
    [InlineData("no degradation by severity", "schedule", "--degradation", "sr4", "--data", "set")]
    [InlineData("candidates", "schedule", "--degradation", Blur, "--data", "set", "--candidates", "2")]
    [InlineData("needs weights", "schedule", "--degradation", Blur, "--data", "set", "--distance", "frechet-thumb32")]
    [InlineData("no metric is called 'lds'", "tradeoff", "--model", "dirac/model.safetensors", "--data", "set", "--perception", "lds")]
    [InlineData("reverses no degradation|needs one that reverses", "tradeoff", "--model", "indi/model.safetensors", "--data", "set")]
    [InlineData("smaller than", "tradeoff", "--model", "dirac/model.safetensors", "--data", "set", "--size", "640x480")]
    [InlineData("step is 0", "robustness", "--model", "dirac/model.safetensors", "--data", "set", "--step", "0")]
    [InlineData("expected perception or distortion", "robustness", "--model", "dirac/model.safetensors", "--data", "set", "--prefer", "both")]
    [InlineData("robustness is that of", "robustness", "--model", "photo", "--data", "set")]
    public void Bad_input_is_one_line(string expected, params string[] arguments)
    {
        var line = ProgramRun.Of(workspace.Files, [.. arguments, "-o", "refused.png"]).RefusedLine();
        Assert.Contains(expected.Split('|'), part => line.Contains(part, StringComparison.Ordinal));
        Assert.False(workspace.Files.Exists("refused.png") || workspace.Files.Exists("refused.json"));
    }

    /// <summary>A workspace with a set of pictures and trainings of seconds.</summary>
    public sealed class TrainedWorkspace : IDisposable
    {
        public TrainedWorkspace()
        {
            foreach (var (name, seed) in new[] { ("a", 11UL), ("b", 12UL), ("c", 13UL) }) Files.Picture($"set/{name}.png", 3, 40, 40, seed);
            foreach (var task in new[] { "dirac", "indi" }) ProgramRun.Of(Files, Training(task, task)).Succeeded();
        }

        public Workspace Files { get; } = new();

        public static string[] Training(string task, string run) =>
            ["train", "--task", task, "--network", "tiny", "--set", $"degradation={Blur}", "--data", "set", "--crop", "32", "--batch", "2", "--images", "8", "--threads", "1", "-o", run];

        public void Dispose() => Files.Dispose();
    }
}
