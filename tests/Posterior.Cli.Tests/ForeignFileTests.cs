using System.Text.Json;
using System.Text.Json.Nodes;

namespace Posterior.Cli.Tests;

/// <summary>Files that the user or somebody else wrote where the program reads or writes its own.</summary>
public sealed class ForeignFileTests(Workspace workspace) : IClassFixture<Workspace>
{
    private const string Experiment = """
        name: Small
        dataset: {path: set}
        tasks: [denoise]
        methods: [pinv]
        metrics: [psnr]
        """;

    [Fact]
    public void What_is_no_receipt_at_the_place_of_one_stays_and_a_receipt_is_replaced()
    {
        File.WriteAllText(workspace.File("precious.png.json"), "{\"important\": true}");
        string[] restore = ["restore", "colour.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "1", "-o"];
        Assert.Contains("precious.png.json", ProgramRun.Of(workspace, [.. restore, "precious.png"]).RefusedLine(), StringComparison.Ordinal);
        Assert.Contains("precious.png.json", ProgramRun.Of(workspace, "degrade", "colour.png", "--operator", "sr4", "-o", "precious.png").RefusedLine(), StringComparison.Ordinal);
        Assert.Equal("{\"important\": true}", File.ReadAllText(workspace.File("precious.png.json")));
        Assert.False(workspace.Exists("precious.png"));
        ProgramRun.Of(workspace, [.. restore, "own.png"]).Succeeded();
        ProgramRun.Of(workspace, [.. restore, "own.png", "--seed", "2"]).Succeeded();
    }

    [Fact]
    public void A_schedule_replaces_no_card_of_a_model()
    {
        var card = workspace.Bytes("models/photo.json");
        var line = ProgramRun.Of(workspace, "schedule", "--degradation", "severity-blur:max=1.5,size=15", "--data", "colour.png", "--crop", "16", "--candidates", "3", "--points", "1", "-o", "models/photo.png").RefusedLine();
        Assert.Contains("photo.json", line, StringComparison.Ordinal);
        Assert.Equal(card, workspace.Bytes("models/photo.json"));
    }

    [Theory]
    [InlineData("input.sha256")]
    [InlineData("input.path")]
    [InlineData("outputs")]
    [InlineData("outputs.0")]
    [InlineData("outputs.0.path")]
    [InlineData("model.sha256")]
    [InlineData("restoration.operator")]
    [InlineData("restoration.solver")]
    [InlineData("restoration.solver_settings")]
    [InlineData("restoration.prior")]
    [InlineData("restoration.prior.device")]
    public void A_receipt_with_nothing_in_place_of_something_cannot_be_read(string path)
    {
        ProgramRun.Of(workspace, "restore", "colour.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "1", "-o", "told.png").Succeeded();
        WithNothing("told.png.json", path, "edited.json");
        Assert.Contains("is no receipt that can be read", ProgramRun.Of(workspace, "rerun", "edited.json").RefusedLine(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("experiment")]
    [InlineData("experiment.dataset")]
    [InlineData("experiment.tasks")]
    [InlineData("experiment.tasks.0")]
    [InlineData("experiment.methods.0")]
    [InlineData("experiment.metrics.0")]
    [InlineData("experiment.seeds")]
    [InlineData("cells")]
    [InlineData("cells.0")]
    [InlineData("cells.0.key")]
    [InlineData("pictures.0")]
    [InlineData("pictures.0.original")]
    public void A_description_of_an_experiment_with_nothing_in_place_of_something_is_damaged(string path)
    {
        Prepare("described");
        ProgramRun.Of(workspace, "eval", "described.yaml", "-o", "described").Succeeded();
        Directory.CreateDirectory(workspace.File("edited"));
        WithNothing("described/experiment.json", path, "edited/experiment.json");
        Assert.Contains("is damaged", ProgramRun.Of(workspace, "report", "edited").RefusedLine(), StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_that_lie_thousands_deep_in_each_other_are_refused()
    {
        const int depth = 60_000;
        File.WriteAllText(workspace.File("deep.yaml"), Experiment.Replace("[denoise]", new string('[', depth) + new string(']', depth), StringComparison.Ordinal));
        Assert.Contains("deep in each other", ProgramRun.Of(workspace, "eval", "deep.yaml", "-o", "deep").RefusedLine(), StringComparison.Ordinal);
    }

    [Fact]
    public void Results_of_an_experiment_do_not_become_its_images()
    {
        Prepare("inside");
        Assert.Contains("lies inside the data", ProgramRun.Of(workspace, "eval", "inside.yaml", "-o", "set/results").RefusedLine(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(workspace.File("set/results")));
    }

    [Fact]
    public void A_plan_of_an_experiment_is_one_object_where_a_program_reads_it()
    {
        Prepare("planned");
        using var plan = JsonDocument.Parse(ProgramRun.Of(workspace, "eval", "planned.yaml", "-o", "planned", "--dry-run", "--json").Succeeded().Output);
        Assert.Equal(1, plan.RootElement.GetProperty("restorations").GetInt32());
    }

    [Fact]
    public void One_missing_name_of_several_stops_no_other_and_a_plan_names_all_that_is_wrong()
    {
        var run = ProgramRun.Of(workspace, "restore", "absent.png", "truncated.png", "grey.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "1", "-o", "several/");
        Assert.Equal(1, run.Code);
        Assert.True(workspace.Exists("several/grey.png"));
        Assert.Contains("1 done, 0 finished before, 2 failed, of 3", run.Output, StringComparison.Ordinal);
        Assert.Contains("absent.png", run.Error, StringComparison.Ordinal);
        var plan = ProgramRun.Of(workspace, "plan", "absent.png", "truncated.png", "grey.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "1", "-o", "planned-several/");
        Assert.Equal(1, plan.Code);
        Assert.Contains("absent.png", plan.Output, StringComparison.Ordinal);
        Assert.Contains("it would not run: 2 problems", plan.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_left_in_the_folder_for_temporary_files()
    {
        var folder = Directory.CreateDirectory(workspace.File("temporary")).FullName;
        ProgramRun.Of(workspace, [("TMPDIR", folder)], ["solvers"]).Succeeded();
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("many")]
    public void A_number_of_threads_that_is_none_is_ignored_in_silence(string threads)
    {
        var run = ProgramRun.Of(workspace, [("OMP_NUM_THREADS", threads)], ["degrade", "colour.png", "--operator", "sr4", "-o", $"threads{threads}.png"]).Succeeded();
        Assert.DoesNotContain("frame", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variable_with_a_value_that_means_nothing_is_told_by_doctor() =>
        Assert.Contains("POSTERIOR_PATH is 'atan', which means nothing here: expected aten or direct", ProgramRun.Of(workspace, [("POSTERIOR_PATH", "atan")], ["doctor"]).Error, StringComparison.Ordinal);

    [Fact]
    public void A_full_standard_output_is_named()
    {
        var start = new System.Diagnostics.ProcessStartInfo("sh", ["-c", $"'{ProgramRun.Executable}' operators > /dev/full"]) { RedirectStandardError = true, WorkingDirectory = workspace.Folder };
        using var process = System.Diagnostics.Process.Start(start)!;
        Assert.Contains("the standard output cannot be written", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
    }

    private void Prepare(string name)
    {
        workspace.Picture("set/a.png", 3, 32, 32, 1);
        File.WriteAllText(workspace.File($"{name}.yaml"), Experiment);
    }

    private void WithNothing(string from, string path, string to)
    {
        var root = JsonNode.Parse(workspace.Bytes(from))!;
        var parent = root;
        var names = path.Split('.');
        foreach (var name in names[..^1]) parent = Child(parent, name)!;
        Assert.NotNull(Child(parent, names[^1]));
        if (parent is JsonArray list) list[int.Parse(names[^1], System.Globalization.CultureInfo.InvariantCulture)] = null;
        else parent[names[^1]] = null;
        File.WriteAllText(workspace.File(to), root.ToJsonString());

        static JsonNode? Child(JsonNode node, string name) => node is JsonArray items ? items[int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)] : node[name];
    }
}
