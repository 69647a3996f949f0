using System.Text.Json;

namespace Posterior.Cli.Tests;

public sealed class BenchTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Fact]
    public void Bench_with_photographs_prints_the_prior_s_quality_with_its_bars()
    {
        var run = ProgramRun.Of(workspace, "bench", "--data", "colour.png", "--images", "1", "--json");
        using var rows = JsonDocument.Parse(run.Output);
        var held = rows.RootElement.EnumerateArray().Where(row => row.TryGetProperty("bar", out _)).Select(row => row.GetProperty("holds").GetBoolean()).ToArray();
        Assert.Equal(5, held.Length);
        Assert.Equal(held.All(holds => holds) ? 0 : 1, run.Code);
        Assert.Contains(rows.RootElement.EnumerateArray(), row => row.GetProperty("name").GetString()!.StartsWith("sr4 sigma 0.05, gain over", StringComparison.Ordinal));
    }

    [Fact]
    public void Photographs_that_are_not_there_are_refused() =>
        Assert.Contains("nowhere.zip", ProgramRun.Of(workspace, "bench", "--data", "nowhere.zip").RefusedLine());
}
