using System.Diagnostics;

namespace Posterior.Cli.Tests;

public sealed class InterruptTests(Workspace workspace) : IClassFixture<Workspace>
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    // Of the program's own time, which does not pass while it waits for others: start-up takes a second of it at most.
    private static readonly TimeSpan _work = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Ctrl_C_in_a_batch_keeps_what_is_finished_and_leaves_nothing_half_done()
    {
        for (var i = 0; i < 6; i++) workspace.Picture($"batch/{i}.png", 3, 64, 64, (ulong)i);
        using var process = ProgramRun.Start(workspace, [], ["restore", "batch", "--operator", "denoise", "--sigma", "0.2", "--steps", "500", "-o", "out"]);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        Wait(process, () => workspace.Exists("out/0.png.json"));
        Stop(process, "-INT");
        Assert.Equal(130, process.ExitCode);
        Assert.Equal("posterior: interrupted\n", await error);
        Assert.Contains("finished before", await output);
        Assert.Empty(workspace.Leftovers());
        Assert.False(workspace.Exists("out/5.png"), "the batch was finished before the signal");
        foreach (var picture in Directory.GetFiles(workspace.File("out"), "*.png")) Assert.True(File.Exists(picture + ".json"), $"{picture} has no receipt");
    }

    // A run of hours: it ends although not one of its files is finished.
    [Theory]
    [InlineData("-INT", 130)]
    [InlineData("-TERM", 143)]
    public async Task A_signal_ends_a_single_long_restoration_and_leaves_nothing(string signal, int code)
    {
        using var process = ProgramRun.Start(workspace, [], ["restore", "colour.png", "--operator", "denoise", "--sigma", "0.2", "--solver", "red", "--steps", "100000", "-o", "long.png"]);
        var error = process.StandardError.ReadToEndAsync();
        Wait(process, () => process.TotalProcessorTime > _work);
        Stop(process, signal);
        Assert.Equal(code, process.ExitCode);
        Assert.Equal("posterior: interrupted\n", await error);
        Assert.False(workspace.Exists("long.png") || workspace.Exists("long.png.json"));
        Assert.Empty(workspace.Leftovers());
    }

    [Fact]
    public async Task Ctrl_C_in_training_saves_a_state_that_is_resumed()
    {
        for (var i = 0; i < 4; i++) workspace.Picture($"data/{i}.png", 3, 48, 48, (ulong)i);
        string[] arguments = ["train", "--data", "data", "--network", "tiny", "--images", "100000", "--batch", "2", "--crop", "16", "--out", "run"];
        using var process = ProgramRun.Start(workspace, [], arguments);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        Wait(process, () => workspace.Exists("run/settings.json"));
        var begun = process.TotalProcessorTime;
        Wait(process, () => process.TotalProcessorTime - begun > _work);
        Stop(process, "-INT");
        var problem = await error;
        Assert.True(process.ExitCode == 130, $"{process.ExitCode}: {problem}");
        Assert.Equal("posterior: interrupted\n", problem);
        Assert.Contains("--resume continues", await output);
        Assert.True(workspace.Exists("run/checkpoint.safetensors"));
        Assert.Empty(workspace.Leftovers());
        Assert.Contains("--resume", ProgramRun.Of(workspace, arguments).RefusedLine());
    }

    private static void Wait(Process process, Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.False(process.HasExited, "the program ended before it could be interrupted");
            Assert.True(clock.Elapsed < _patience, "the program did not get to work");
            Thread.Sleep(20);
        }
    }

    private static void Stop(Process process, string signal)
    {
        using var kill = Process.Start("kill", [signal, process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        Assert.True(process.WaitForExit(_patience), "the program did not stop");
        process.WaitForExit();
    }
}
