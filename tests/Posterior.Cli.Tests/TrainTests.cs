using System.Diagnostics;
using System.Text.Json;

namespace Posterior.Cli.Tests;

/// <summary>What goes wrong in a training, before it and in its midst.</summary>
public sealed class TrainTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Fact]
    public void An_unreadable_image_is_named_before_training_starts()
    {
        for (var i = 0; i < 3; i++) workspace.Picture($"damaged/{i}.png", 3, 32, 32, (ulong)i);
        File.Copy(workspace.File("truncated.png"), workspace.File("damaged/3.png"));
        var line = ProgramRun.Of(workspace, "train", "--data", "damaged", "--network", "tiny", "--crop", "16", "-o", "refused").RefusedLine();
        Assert.Contains("3.png", line, StringComparison.Ordinal);
        Assert.False(Directory.Exists(workspace.File("refused")));
    }

    [Fact]
    public void An_empty_folder_and_one_of_small_images_are_refused_before_training_starts()
    {
        Directory.CreateDirectory(workspace.File("nothing"));
        Assert.Contains("nothing", ProgramRun.Of(workspace, "train", "--data", "nothing", "--network", "tiny", "--crop", "16", "-o", "refused").RefusedLine(), StringComparison.Ordinal);
        workspace.Picture("small/a.png", 3, 16, 40, 1);
        Assert.Contains("as large as a crop of 32", ProgramRun.Of(workspace, "train", "--data", "small", "--network", "tiny", "--crop", "32", "-o", "refused").Error, StringComparison.Ordinal);
        Assert.False(workspace.Exists("refused/checkpoint.safetensors"));
    }

    [Theory]
    [InlineData("a multiple of 4, found 15", "--crop", "15")]
    [InlineData("holds no snapshots", "--crop", "16", "--average", "0.1")]
    [InlineData("relative width", "--crop", "16", "--average", "0.5", "--snapshots", "2")]
    public void What_would_fail_in_the_first_step_or_after_the_last_is_refused_before_images_are_read(string expected, params string[] arguments)
    {
        workspace.Picture("sound/a.png", 3, 32, 32, 1);
        File.Copy(workspace.File("truncated.png"), workspace.File("sound/unreadable.png"), overwrite: true);
        var line = ProgramRun.Of(workspace, ["train", "--data", "sound", "--network", "tiny", "-o", "early", .. arguments]).RefusedLine();
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_training_ends_with_one_object_where_a_program_reads_it()
    {
        for (var i = 0; i < 4; i++) workspace.Picture($"few/{i}.png", 3, 48, 48, (ulong)i);
        var run = ProgramRun.Of(workspace, "train", "--data", "few", "--network", "tiny", "--images", "4", "--batch", "2", "--crop", "16", "--threads", "1", "--json", "--out", "told").Succeeded();
        using var result = JsonDocument.Parse(run.Output);
        Assert.Equal(4, result.RootElement.GetProperty("images_seen").GetInt64());
        Assert.Equal(workspace.File("told/model.safetensors"), result.RootElement.GetProperty("model").GetString());
        using var card = JsonDocument.Parse(File.ReadAllBytes(result.RootElement.GetProperty("card").GetString()!));
        // Four images are too few to hold some out, so nothing was measured.
        Assert.Equal(JsonValueKind.Null, card.RootElement.GetProperty("training").GetProperty("held_out_quality").ValueKind);
        Assert.False(result.RootElement.TryGetProperty("held_out_quality", out _));
        Assert.Contains("posterior: note: 4 images, ", run.Error, StringComparison.Ordinal);
        using var settings = JsonDocument.Parse(ProgramRun.Of(workspace, "train", "--list", "--json").Succeeded().Output);
        Assert.Contains("network", settings.RootElement.EnumerateArray().Select(setting => setting.GetProperty("name").GetString()));
    }

    [Fact]
    public void A_training_continues_with_its_own_images_alone()
    {
        foreach (var set in new[] { "own", "other" })
            for (var i = 0; i < 4; i++) workspace.Picture($"{set}/{set}-{i}.png", 3, 48, 48, (ulong)i);
        string[] Arguments(string data, string output, string shrink) => ["train", "--data", data, "--network", "tiny", "--images", "4", "--batch", "2", "--crop", "16", "--shrink", shrink, "--threads", "1", "--out", output];
        Assert.Contains("lies inside the data", ProgramRun.Of(workspace, Arguments("own", "own/run", "1")).RefusedLine(), StringComparison.Ordinal);
        ProgramRun.Of(workspace, Arguments("own", "begun", "2")).Succeeded();
        foreach (var (data, shrink) in new[] { ("other", "2"), ("own", "1") })
            Assert.Contains("other settings or data", ProgramRun.Of(workspace, [.. Arguments(data, "begun", shrink), "--resume"]).Error, StringComparison.Ordinal);
        ProgramRun.Of(workspace, [.. Arguments("own", "begun", "2"), "--resume"]).Succeeded();
        File.Delete(workspace.File("begun/checkpoint.safetensors"));
        Assert.Contains("whose state is gone", ProgramRun.Of(workspace, Arguments("own", "begun", "2")).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("f32")]
    public void A_training_continues_with_the_number_format_that_it_began_with(string dtype)
    {
        for (var i = 0; i < 4; i++) workspace.Picture($"format/{i}.png", 3, 48, 48, (ulong)i);
        string[] arguments = ["train", "--data", "format", "--network", "tiny", "--images", "4", "--batch", "2", "--crop", "16", "--threads", "1", "--out", $"run-{dtype}"];
        ProgramRun.Of(workspace, [.. arguments, "--dtype", dtype]).Succeeded();
        ProgramRun.Of(workspace, [.. arguments, "--resume"]).Succeeded();
    }

    [Fact]
    public void A_killed_training_is_resumed_from_its_last_checkpoint()
    {
        for (var i = 0; i < 4; i++) workspace.Picture($"data/{i}.png", 3, 48, 48, (ulong)i);
        string[] arguments = ["train", "--data", "data", "--network", "tiny", "--images", "1000000", "--batch", "2", "--crop", "16", "--threads", "1", "--out", "run"];
        Signal(arguments, "-INT");
        var saved = new FileInfo(workspace.File("run/checkpoint.safetensors"));
        var before = File.ReadAllBytes(saved.FullName);
        Signal([.. arguments, "--resume"], "-KILL");
        Assert.Equal(before, File.ReadAllBytes(saved.FullName));
        var seen = Signal([.. arguments, "--resume"], "-INT");
        Assert.DoesNotContain(" 0 of 1000000 crops seen", seen, StringComparison.Ordinal);
        Assert.Contains("of 1000000 crops seen", seen, StringComparison.Ordinal);
        var counts = File.ReadLines(workspace.File("run/log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("images_seen").GetInt64()).ToArray();
        Assert.Equal(counts.Distinct().Order(), counts);
    }

    // Begins a training, sends it a signal after some seconds of steps, and returns what it printed.
    private string Signal(string[] arguments, string signal)
    {
        using var process = ProgramRun.Start(workspace, [], arguments);
        var output = new List<string>();
        using var started = new ManualResetEventSlim();
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null) return;
            lock (output) output.Add(line.Data);
            if (line.Data.Contains("crops seen", StringComparison.Ordinal)) started.Set();
        };
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is not null) lock (output) output.Add(line.Data);
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        for (var i = 0; i < 3000 && !started.Wait(TimeSpan.FromMilliseconds(100)) && !process.HasExited; i++) { }
        lock (output) Assert.True(started.IsSet, $"the training did not start: {string.Join('\n', output)}");
        // Of its own time, which does not pass while it waits for others.
        var begun = process.TotalProcessorTime;
        for (var i = 0; i < 3000 && !process.HasExited && process.TotalProcessorTime - begun < TimeSpan.FromSeconds(2); i++) Thread.Sleep(100);
        Assert.False(process.HasExited, "the training ended by itself");
        using (var kill = Process.Start("kill", [signal, process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])) kill.WaitForExit();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(5)), "the training did not stop");
        process.WaitForExit();
        lock (output) return string.Join('\n', output);
    }
}
