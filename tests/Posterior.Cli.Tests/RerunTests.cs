using System.Text.Json;

namespace Posterior.Cli.Tests;

/// <summary>Results that are made again from their receipts, wherever they lie by now.</summary>
public sealed class RerunTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Fact]
    public void A_missing_output_is_made_again_and_kept_with_its_receipt()
    {
        Measure("missing");
        var before = workspace.Bytes("missing/y.png");
        File.Delete(workspace.File("missing/y.png"));
        Assert.Contains("y.png  was missing: made again and kept (the same bytes)", Rerun("missing/y.png.json"), StringComparison.Ordinal);
        Assert.Equal(before, workspace.Bytes("missing/y.png"));
        Assert.Contains("finished already", Measure("missing").Output, StringComparison.Ordinal);
        Assert.Empty(workspace.Leftovers());
    }

    [Fact]
    public void Of_several_outputs_only_those_that_are_missing_are_written()
    {
        Measure("several");
        ProgramRun.Of(workspace, "restore", "several/y.png", "--operator", "denoise", "--sigma", "0.1", "--samples", "2", "--steps", "2", "-o", "several/x.png").Succeeded();
        var mean = workspace.Bytes("several/x.mean.png");
        File.Delete(workspace.File("several/x.mean.png"));
        File.Copy(workspace.File("several/a.png"), workspace.File("several/x.1.png"), overwrite: true);
        var run = ProgramRun.Of(workspace, "rerun", "several/x.png.json", "--json");
        Assert.Equal(1, run.Code);
        using var result = JsonDocument.Parse(run.Output);
        var outputs = result.RootElement.GetProperty("outputs").EnumerateArray().ToDictionary(output => Path.GetFileName(output.GetProperty("path").GetString()!));
        Assert.True(outputs["x.mean.png"].GetProperty("kept").GetBoolean());
        Assert.Equal((true, false, false), Flags(outputs["x.1.png"]));
        Assert.Equal((false, true, false), Flags(outputs["x.png"]));
        Assert.Equal(mean, workspace.Bytes("several/x.mean.png"));
        Assert.Equal(workspace.Bytes("several/a.png"), workspace.Bytes("several/x.1.png"));

        static (bool Changed, bool Identical, bool Kept) Flags(JsonElement output) =>
            (output.GetProperty("changed").GetBoolean(), output.GetProperty("identical").GetBoolean(), output.GetProperty("kept").GetBoolean());
    }

    [Fact]
    public void In_a_copied_folder_the_files_beside_the_receipt_are_those_that_are_compared()
    {
        Measure("first");
        Directory.CreateDirectory(workspace.File("second"));
        foreach (var file in Directory.GetFiles(workspace.File("first"))) File.Copy(file, Path.Combine(workspace.File("second"), Path.GetFileName(file)));
        File.Copy(workspace.File("first/a.png"), workspace.File("second/y.png"), overwrite: true);
        var changed = ProgramRun.Of(workspace, "rerun", "second/y.png.json");
        Assert.Equal(1, changed.Code);
        Assert.Contains("second/y.png  largest pixel difference 0.", changed.Output, StringComparison.Ordinal);
        Assert.EndsWith("it is not the file that the receipt tells of\n", changed.Output, StringComparison.Ordinal);
        Assert.Contains("first/y.png  largest pixel difference 0 (the same bytes)", Rerun("first/y.png.json"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_moved_folder_has_measurement_and_mask_beside_its_receipt()
    {
        // Commas separate the options of an operator's text.
        const string New = "new,max=1";
        workspace.Picture("old/a.png", 3, 32, 40, 32);
        File.Copy(workspace.File("mask.png"), workspace.File("old/m.png"));
        ProgramRun.Of(workspace, "degrade", "old/a.png", "--operator", $"inpaint:{workspace.File("old/m.png")}", "-o", "old/y.png").Succeeded();
        Directory.Move(workspace.File("old"), workspace.File(New));
        Assert.Contains($"{New}/y.png  largest pixel difference 0 (the same bytes)", Rerun($"{New}/y.png.json"), StringComparison.Ordinal);
        File.Delete(workspace.File($"{New}/y.png"));
        Assert.Contains($"{New}/y.png  was missing: made again and kept (the same bytes)", Rerun($"{New}/y.png.json"), StringComparison.Ordinal);
        Assert.Contains($"{New}/y.png  largest pixel difference 0 (the same bytes)", Rerun($"{New}/y.png.json"), StringComparison.Ordinal);
        Assert.False(Directory.Exists(workspace.File("old")));
    }

    [Fact]
    public void The_receipt_that_was_read_is_the_one_that_is_written_again()
    {
        Measure("renamed");
        ProgramRun.Of(workspace, "restore", "renamed/y.png", "--operator", "denoise", "--sigma", "0.1", "--samples", "2", "--steps", "2", "-o", "renamed/x.png").Succeeded();
        File.Move(workspace.File("renamed/x.png.json"), workspace.File("renamed/old.json"));
        ProgramRun.Of(workspace, "restore", "renamed/y.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "3", "-o", "renamed/x.png").Succeeded();
        var newer = workspace.Bytes("renamed/x.png.json");
        File.Delete(workspace.File("renamed/x.mean.png"));
        Assert.Contains("x.mean.png  was missing: made again and kept", ProgramRun.Of(workspace, "rerun", "renamed/old.json").Output, StringComparison.Ordinal);
        Assert.Equal(newer, workspace.Bytes("renamed/x.png.json"));
    }

    [Fact]
    public void An_input_beside_the_receipt_counts_only_with_its_hash()
    {
        Measure("right");
        workspace.Picture("wrong/a.png", 3, 16, 16, 99);
        foreach (var name in new[] { "y.png", "y.png.json" }) File.Copy(workspace.File($"right/{name}"), workspace.File($"wrong/{name}"));
        Assert.Contains("wrong/y.png  largest pixel difference 0 (the same bytes)", Rerun("wrong/y.png.json"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_that_cannot_be_read_is_refused()
    {
        Measure("unreadable");
        File.WriteAllText(workspace.File("unreadable/y.png"), "%PDF-1.7");
        Assert.Contains("is not PNG", ProgramRun.Of(workspace, "rerun", "unreadable/y.png.json").RefusedLine(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_edited_architecture_file_is_found()
    {
        workspace.Picture("arch/y.png", 3, 16, 16, 33);
        File.WriteAllText(workspace.File("arch/arch.json"), "{\"widths\": [8, 16]}");
        string[] restore = ["restore", "arch/y.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "2", "--arch", "arch/arch.json", "-o", "arch/x.png"];
        ProgramRun.Of(workspace, restore).Succeeded();
        Assert.Contains("finished already", ProgramRun.Of(workspace, restore).Succeeded().Output, StringComparison.Ordinal);
        Assert.Contains("the same bytes", Rerun("arch/x.png.json"), StringComparison.Ordinal);
        File.WriteAllText(workspace.File("arch/arch.json"), "{\"widths\": [8, 16] }");
        Assert.Contains("arch.json' has changed", ProgramRun.Of(workspace, "rerun", "arch/x.png.json").RefusedLine(), StringComparison.Ordinal);
        Assert.DoesNotContain("finished already", ProgramRun.Of(workspace, restore).Succeeded().Output, StringComparison.Ordinal);
    }

    private string Rerun(string receipt) => ProgramRun.Of(workspace, "rerun", receipt).Succeeded().Output;

    private ProgramRun Measure(string folder)
    {
        workspace.Picture($"{folder}/a.png", 3, 16, 16, 31);
        return ProgramRun.Of(workspace, "degrade", $"{folder}/a.png", "--operator", "denoise", "--sigma", "0.1", "-o", $"{folder}/y.png").Succeeded();
    }
}
