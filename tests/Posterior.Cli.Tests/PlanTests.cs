using System.Text.Json;

namespace Posterior.Cli.Tests;

public sealed class PlanTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Fact]
    public void A_restoration_that_would_run_is_described_and_not_run()
    {
        string[] arguments = ["colour.png", "--operator", "denoise", "--sigma", "0.1", "--samples", "2", "--steps", "4", "-o", "planned.png"];
        var text = ProgramRun.Of(workspace, ["plan", .. arguments]).Succeeded();
        Assert.Contains("8 evaluations", text.Output);
        Assert.Contains("1 tile", text.Output);
        Assert.EndsWith("it would run\n", text.Output);
        Assert.False(workspace.Exists("planned.png"));
        Assert.Empty(workspace.Leftovers());
        using var json = JsonDocument.Parse(ProgramRun.Of(workspace, ["plan", .. arguments, "--json"]).Succeeded().Output);
        Assert.True(json.RootElement.GetProperty("would_run").GetBoolean());
        Assert.Equal(8, json.RootElement.GetProperty("evaluations").GetInt64());
        Assert.True(json.RootElement.GetProperty("peak_bytes").GetInt64() > 1 << 20);
        ProgramRun.Of(workspace, ["restore", .. arguments]).Succeeded();
        Assert.Contains("finished already", ProgramRun.Of(workspace, ["plan", .. arguments]).Succeeded().Output);
    }

    [Fact]
    public void Every_problem_is_listed_at_once_and_the_exit_code_tells()
    {
        var run = ProgramRun.Of(workspace, "plan", "colour.png", "absent.png", "--operator", "sr-bicubc4", "--sigma", "much", "--solver", "ddmr", "--samples", "0", "--size", "big", "--model", "phto", "-o", "out");
        Assert.Equal(1, run.Code);
        Assert.Equal("", run.Error);
        foreach (var expected in new[] { "absent.png", "did you mean 'sr-bicubic", "no noise level", "did you mean 'ddrm'", "samples is 0", "WIDTHxHEIGHT", "did you mean 'photo'" })
            Assert.Contains(run.Output.Split('\n'), line => line.StartsWith("problem: ", StringComparison.Ordinal) && line.Contains(expected, StringComparison.Ordinal));
        Assert.Contains("it would not run: 7 problems", run.Output);
        Assert.False(workspace.Exists("out"), "a plan made a folder");
    }

    [Fact]
    public void An_operator_that_does_not_fit_and_a_damaged_file_are_problems_of_their_files()
    {
        var run = ProgramRun.Of(workspace, "plan", "colour.png", "odd.png", "truncated.png", "--operator", "inpaint:mask.png", "-o", "out");
        Assert.Equal(1, run.Code);
        Assert.Contains("problem: odd.png: ", run.Output);
        Assert.Contains("problem: truncated.png: ", run.Output);
        Assert.DoesNotContain("problem: colour.png", run.Output);
    }
}
