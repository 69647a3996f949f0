using System.Text.Json;

namespace Posterior.Cli.Tests;

/// <summary><c>verify</c> and <c>calibrate</c> from the command line.</summary>
public sealed class VerificationTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Fact]
    public void Verify_prints_a_table_for_every_measure_with_all_tasks()
    {
        var output = ProgramRun.Of(workspace, "verify", "--solver", "pinv", "--samples", "100", "--threads", "1").Succeeded().Output;
        foreach (var table in new[] { "W2 ", "spread ", "error of weights ", "verdict " })
            Assert.Matches(@"denoise 0 +denoise 0\.05 +inpaint 0 .* cs2 0\.05", output.Split('\n').Single(line => line.StartsWith(table, StringComparison.Ordinal)));
        // The verdicts of pinv: nothing with noise, a point where a point is not the answer.
        Assert.Matches(@"pinv +samples +- +point +- +point +- +point +- +point +-", output);
    }

    [Fact]
    public void Verify_gives_its_numbers_as_JSON()
    {
        using var json = JsonDocument.Parse(ProgramRun.Of(workspace, "verify", "--solver", "pinv", "--samples", "100", "--seed", "2", "--json", "--threads", "1").Succeeded().Output);
        Assert.Equal(10, json.RootElement.GetProperty("tasks").GetArrayLength());
        var row = json.RootElement.GetProperty("rows").EnumerateArray().First(row => row.GetProperty("operator").GetString() == "sr2");
        Assert.Equal("PointEstimate", row.GetProperty("verdict").GetString());
        Assert.Equal(0, row.GetProperty("spread").GetDouble(), 1e-9);
    }

    [Fact]
    public void Calibrate_writes_a_picture_and_a_receipt_and_is_run_again()
    {
        string[] arguments = ["calibrate", "--data", "colour.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "3", "--samples", "3", "--images", "1", "--size", "16x16", "-o", "calibration.png", "--threads", "1"];
        var output = ProgramRun.Of(workspace, arguments).Succeeded().Output;
        Assert.Contains("central interval", output);
        Assert.Contains("1 images  3 samples each", output);
        using var receipt = JsonDocument.Parse(workspace.Bytes("calibration.png.json"));
        Assert.Equal(3 * 16 * 16, receipt.RootElement.GetProperty("calibration_report").GetProperty("values").GetInt64());
        Assert.Contains("the same bytes", ProgramRun.Of(workspace, "rerun", "calibration.png.json", "--threads", "1").Succeeded().Output);
    }

    [Theory]
    [InlineData("samples is 50", "verify", "--samples", "50")]
    [InlineData("did you mean 'ddrm'?", "verify", "--solver", "ddmr")]
    [InlineData("samples is 1", "calibrate", "--data", "colour.png", "--operator", "denoise", "--samples", "1", "-o", "refused.png")]
    [InlineData("does not exist", "calibrate", "--data", "absent", "--operator", "denoise", "-o", "refused.png")]
    [InlineData("--data", "calibrate", "--operator", "denoise", "-o", "refused.png")]
    [InlineData("smaller than", "calibrate", "--data", "colour.png", "--operator", "denoise", "--size", "640x480", "-o", "refused.png")]
    [InlineData("no image format", "calibrate", "--data", "colour.png", "--operator", "denoise", "-o", "refused.txt")]
    [InlineData("is stated", "calibrate", "--data", "colour.png", "--operator", "denoise", "--sigma", "auto", "-o", "refused.png")]
    public void Bad_input_is_one_line(string expected, params string[] arguments)
    {
        Assert.Contains(expected, ProgramRun.Of(workspace, arguments).RefusedLine());
        Assert.False(workspace.Exists("refused.png") || workspace.Exists("refused.png.json"));
    }
}
