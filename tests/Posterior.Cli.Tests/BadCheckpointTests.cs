using System.Text.Json;
using Posterior.Oracles;

namespace Posterior.Cli.Tests;

/// <summary>Damaged and hostile checkpoints through the program: one line, a non-zero exit code, nothing executed.</summary>
[Trait("Category", "Oracle")]
public sealed class BadCheckpointTests(Workspace workspace) : IClassFixture<Workspace>
{
    private const string Folder = "checkpoints/bad";

    [SkippableFact]
    public void Every_bad_checkpoint_is_refused_in_one_line()
    {
        var folder = OracleFiles.RequireFolder(Folder);
        using var expectations = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expectations.json")));
        var bad = expectations.RootElement.EnumerateObject().Where(row => row.Value.GetProperty("must_fail").GetBoolean()).Select(row => row.Name).ToArray();
        Assert.NotEmpty(bad);
        Assert.All(bad, name =>
        {
            var line = ProgramRun.Of(workspace, "restore", "colour.png", "--operator", "sr4", "--model", Path.Combine(folder, name), "-o", "out.png").RefusedLine();
            Assert.Contains(name, line);
            Assert.False(workspace.Exists("out.png"));
            Assert.False(workspace.Exists("PWNED"), "the file ran a command");
        });
    }
}
