using System.Diagnostics;

namespace Posterior.Cli.Tests;

/// <summary>What arguments may not be.</summary>
public sealed class ArgumentTests(Workspace workspace) : IClassFixture<Workspace>
{
    private const string Name = "a\u001b[31m\nb.png";

    [Theory]
    [InlineData("restore: --output is empty", "restore", "colour.png", "--operator", "sr4", "-o", "")]
    [InlineData("restore: --model is empty", "restore", "colour.png", "--operator", "sr4", "--model", "", "-o", "out.png")]
    [InlineData("restore: --set is empty", "restore", "colour.png", "--operator", "sr4", "--set", "", "-o", "out.png")]
    [InlineData("restore: Y is empty", "restore", "", "--operator", "sr4", "-o", "out.png")]
    [InlineData("compare: B is empty", "compare", "colour.png", "")]
    [InlineData("rerun: RECEIPT is empty", "rerun", "")]
    public void An_empty_text_is_refused_by_the_name_of_its_option_or_argument(string expected, params string[] arguments)
    {
        var run = ProgramRun.Of(workspace, arguments);
        Assert.Equal($"posterior: {expected}", run.RefusedLine());
        Assert.Equal(2, run.Code);
    }

    [Fact]
    public void A_name_that_begins_with_an_at_sign_is_a_name()
    {
        File.Copy(workspace.File("colour.png"), workspace.File("@at.png"), overwrite: true);
        ProgramRun.Of(workspace, "degrade", "@at.png", "--operator", "sr2", "-o", "at-y.png").Succeeded();
        Assert.True(File.Exists(workspace.File("at-y.png")));
    }

    [Fact]
    public void A_name_that_is_too_long_with_its_receipt_is_refused_before_any_work()
    {
        var name = new string('n', 248) + ".png";
        Assert.Contains("is longer than 255 bytes", ProgramRun.Of(workspace, "degrade", "colour.png", "--operator", "sr2", "-o", name).RefusedLine(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_its_own_output_is_refused_by_name()
    {
        Directory.CreateDirectory(workspace.File("self"));
        File.Copy(workspace.File("colour.png"), workspace.File("self/a.png"), overwrite: true);
        Assert.Contains("'self' is or lies in the output's", ProgramRun.Of(workspace, "degrade", "self", "--operator", "sr2", "-o", "self").RefusedLine(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("operators")]
    public void Output_that_cannot_be_written_is_a_failure_without_a_trace(string verb)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", $"\"{ProgramRun.Executable}\" {verb} >/dev/full"]) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Control_characters_in_names_of_files_stay_in_the_names()
    {
        workspace.Picture(Name, 3, 16, 16, 1);
        string[] degrade = ["degrade", Name, "--operator", "denoise", "--sigma", "0.1", "-o", "y" + Name];
        Assert.Contains("ya [31m b.png  image 16x16", Plain(1, degrade), StringComparison.Ordinal);
        Plain(1, "rerun", $"y{Name}.json");
        Plain(2, "compare", "y" + Name, Name);
        Assert.DoesNotContain('\u001b', ProgramRun.Of(workspace, [.. degrade, "--force", "--json"]).Succeeded().Output);
    }

    private string Plain(int lines, params string[] arguments)
    {
        var run = ProgramRun.Of(workspace, arguments).Succeeded();
        Assert.DoesNotContain('\u001b', run.Output);
        Assert.Equal(lines, run.Output.Count(symbol => symbol == '\n'));
        return run.Output;
    }
}
