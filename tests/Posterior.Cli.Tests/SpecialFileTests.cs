using System.Diagnostics;

namespace Posterior.Cli.Tests;

/// <summary>Named pipes in the place of files: nobody writes to them, so whoever opened one would wait for ever.</summary>
public sealed class SpecialFileTests : IClassFixture<Workspace>
{
    private readonly Workspace _workspace;

    public SpecialFileTests(Workspace workspace)
    {
        _workspace = workspace;
        if (workspace.Exists("pipe.png")) return;
        using (var make = Process.Start("mkfifo", [workspace.File("pipe.png"), workspace.File("pipe.json"), workspace.File("pipe.safetensors"), workspace.File("pipe.zip")])) make.WaitForExit();
        File.CreateSymbolicLink(workspace.File("link.png"), workspace.File("pipe.png"));
    }

    [Theory]
    [InlineData("restore pipe.png --operator sr4 -o out.png")]
    [InlineData("restore link.png --operator sr4 -o out.png")]
    [InlineData("restore colour.png --operator inpaint:pipe.png -o out.png")]
    [InlineData("restore colour.png --operator sr4 --model pipe.safetensors -o out.png")]
    [InlineData("restore colour.png --operator sr4 --arch pipe.json -o out.png")]
    [InlineData("degrade pipe.png --operator sr4 -o out.png")]
    [InlineData("compare pipe.png colour.png")]
    [InlineData("info pipe.safetensors")]
    [InlineData("eval pipe.json")]
    [InlineData("rerun pipe.json")]
    [InlineData("calibrate --data pipe.zip --operator sr4 -o out.png")]
    public void A_named_pipe_is_refused_and_not_waited_for(string command)
    {
        Assert.Contains("not a regular file", ProgramRun.Of(_workspace, command.Split(' ')).RefusedLine(), StringComparison.Ordinal);
        Assert.False(_workspace.Exists("out.png"), "an output was written");
    }
}
