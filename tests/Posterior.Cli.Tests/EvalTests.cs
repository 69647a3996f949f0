namespace Posterior.Cli.Tests;

/// <summary>Experiments through the program.</summary>
public sealed class EvalTests(Workspace workspace) : IClassFixture<Workspace>
{
    private const string Text = """
        name: Small
        dataset: {path: set, size: 32}
        tasks: [sr4, {operator: denoise, sigma: 0.05}]
        methods: [{name: DDRM, solver: ddrm, steps: 2}, pinv]
        metrics: [psnr]
        baseline: pinv
        """;

    [Fact]
    public void A_second_run_restores_nothing_and_the_same_seed_gives_the_same_numbers()
    {
        Prepare("twice");
        var first = ProgramRun.Of(workspace, "eval", "twice.yaml", "-o", "twice").Succeeded();
        Assert.Contains("8 restorations of 2 images, 8 left", first.Output, StringComparison.Ordinal);
        Assert.Equal(8, Lines("twice").Length);
        var second = ProgramRun.Of(workspace, "eval", "twice.yaml", "-o", "twice").Succeeded();
        Assert.Contains("0 left", second.Output, StringComparison.Ordinal);
        Assert.Equal(8, Lines("twice").Length);
        ProgramRun.Of(workspace, "eval", "twice.yaml", "-o", "again").Succeeded();
        Assert.Equal(Numbers("twice"), Numbers("again"));
        Assert.Equal(8 + 2 + 4, Directory.GetFiles(workspace.File("twice/pictures")).Length); // restorations, originals, measurements
        Assert.Empty(Directory.GetFiles(workspace.File("twice/claims")));
    }

    [Fact]
    public void A_broken_last_line_is_computed_again_and_other_rows_stay()
    {
        Prepare("broken");
        ProgramRun.Of(workspace, "eval", "broken.yaml", "-o", "broken").Succeeded();
        var (path, before) = (workspace.File("broken/results.jsonl"), Numbers("broken"));
        using (var stream = new FileStream(path, FileMode.Open)) stream.SetLength(stream.Length - 30);
        Assert.Contains("1 left", ProgramRun.Of(workspace, "eval", "broken.yaml", "-o", "broken").Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal(before, Numbers("broken"));
    }

    [Fact]
    public void Two_processes_on_one_folder_do_nothing_twice()
    {
        Prepare("shared");
        using var first = ProgramRun.Start(workspace, [], ["eval", "shared.yaml", "-o", "shared"]);
        using var second = ProgramRun.Start(workspace, [], ["eval", "shared.yaml", "-o", "shared"]);
        foreach (var process in new[] { first, second })
        {
            process.StandardOutput.ReadToEnd();
            Assert.True(process.WaitForExit(TimeSpan.FromMinutes(2)));
            Assert.True(process.ExitCode == 0, process.StandardError.ReadToEnd());
        }
        Assert.Equal(8, Lines("shared").Length);
        Assert.Equal(8, Numbers("shared").Distinct().Count());
    }

    [Fact]
    public void Other_settings_are_other_results_and_a_report_shows_those_of_the_last_run()
    {
        Prepare("changed");
        ProgramRun.Of(workspace, "eval", "changed.yaml", "-o", "changed").Succeeded();
        File.WriteAllText(workspace.File("changed.yaml"), File.ReadAllText(workspace.File("changed.yaml")).Replace("steps: 2", "steps: 1", StringComparison.Ordinal));
        Assert.Contains("4 left", ProgramRun.Of(workspace, "eval", "changed.yaml", "-o", "changed").Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal(12, Lines("changed").Length);
        var table = File.ReadAllText(workspace.File("changed/tables.md"));
        File.Delete(workspace.File("changed/tables.md"));
        Assert.Equal(table.TrimEnd(), ProgramRun.Of(workspace, "report", "changed").Succeeded().Output.TrimEnd());
        Assert.Equal(table, File.ReadAllText(workspace.File("changed/tables.md")));
        Assert.Equal(1 + 2 * 2 * 2, File.ReadAllLines(workspace.File("changed/tables.csv")).Length);
    }

    [Fact]
    public void A_dry_run_restores_nothing_and_names_what_does_not_go_together()
    {
        Prepare("dry");
        var run = ProgramRun.Of(workspace, "eval", "dry.yaml", "-o", "dry", "--dry-run").Succeeded();
        Assert.Contains("8 left: 8 evaluations", run.Output, StringComparison.Ordinal);
        Assert.Contains("pinv takes the noise of denoise, sigma 0.05 for image", run.Error, StringComparison.Ordinal);
        Assert.False(workspace.Exists("dry/results.jsonl"));
    }

    [Fact]
    public void A_metric_without_its_weights_is_left_out_and_said_to_be()
    {
        Prepare("lpips");
        File.WriteAllText(workspace.File("lpips.yaml"), Text.Replace("[psnr]", "[psnr, lpips-alex]", StringComparison.Ordinal));
        var run = ProgramRun.Of(workspace, "eval", "lpips.yaml", "-o", "lpips").Succeeded();
        Assert.Contains("lpips-alex is left out: name its weights with --weights lpips-alex=FILE", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("lpips", File.ReadAllText(workspace.File("lpips/tables.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_experiments_are_refused_in_one_line()
    {
        Prepare("bad");
        File.WriteAllText(workspace.File("bad.yaml"), Text.Replace("solver: ddrm", "solver: ddmr", StringComparison.Ordinal));
        Assert.Contains("bad.yaml, line 4: no solver is called 'ddmr', did you mean 'ddrm'?", ProgramRun.Of(workspace, "eval", "bad.yaml").RefusedLine(), StringComparison.Ordinal);
        File.WriteAllText(workspace.File("bad.yaml"), Text.Replace("path: set", "path: nowhere", StringComparison.Ordinal));
        Assert.Contains("does not exist", ProgramRun.Of(workspace, "eval", "bad.yaml", "-o", "bad").RefusedLine(), StringComparison.Ordinal);
        File.WriteAllText(workspace.File("bad.yaml"), Text.Replace("size: 32", "size: 64", StringComparison.Ordinal));
        Assert.Contains("smaller than the 64x64", ProgramRun.Of(workspace, "eval", "bad.yaml", "-o", "bad").RefusedLine(), StringComparison.Ordinal);
        File.WriteAllText(workspace.File("bad.yaml"), Text);
        Assert.Contains("METRIC=FILE", ProgramRun.Of(workspace, "eval", "bad.yaml", "-o", "bad", "--weights", "lpips-alex").RefusedLine(), StringComparison.Ordinal);
        Assert.Contains("did you mean 'lpips-alex'?", ProgramRun.Of(workspace, "eval", "bad.yaml", "-o", "bad", "--weights", "lpips-alx=a.pth").RefusedLine(), StringComparison.Ordinal);
        Assert.Contains("holds no experiment", ProgramRun.Of(workspace, "report", "set").RefusedLine(), StringComparison.Ordinal);
    }

    private void Prepare(string name)
    {
        workspace.Picture("set/a.png", 3, 32, 40, 11);
        workspace.Picture("set/b.png", 3, 48, 32, 12);
        File.WriteAllText(workspace.File(name + ".yaml"), Text);
    }

    private string[] Lines(string folder) => File.ReadAllLines(workspace.File(folder + "/results.jsonl"));

    // Everything but times and memory, in a fixed order; broken lines left out.
    private string[] Numbers(string folder) =>
        [.. Lines(folder).Where(line => line.EndsWith('}')).Select(line => line[..line.IndexOf(",\"seconds\"", StringComparison.Ordinal)]).Order(StringComparer.Ordinal)];
}
