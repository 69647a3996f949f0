namespace Posterior.Cli.Tests;

public sealed class DemoTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Fact]
    public void The_demo_prints_its_table_and_writes_a_sheet_for_each_task()
    {
        var run = ProgramRun.Of(workspace, "demo", "--steps", "1", "-o", "demo").Succeeded();
        foreach (var heading in new[] { "PSNR restored", "SSIM restored", "seconds", "evaluations" }) Assert.Contains(heading, run.Output);
        var sheets = run.Output.Split('\n').Select(line => line.Trim()).Where(line => line.EndsWith(".png", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(sheets);
        Assert.All(sheets, sheet => Assert.True(workspace.Exists(sheet), sheet));
    }
}
