using System.Text.Json;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Cli.Tests;

public sealed class CompareTests : IClassFixture<Workspace>
{
    private readonly Workspace _workspace;

    public CompareTests(Workspace workspace)
    {
        _workspace = workspace;
        foreach (var seed in new[] { 1ul, 2ul, 3ul })
        {
            workspace.Picture($"restored/{seed}.png", 3, 16, 16, seed);
            workspace.Picture($"truth/{seed}.png", 3, 16, 16, seed + 10);
        }
        File.Copy(workspace.File("truncated.png"), workspace.File("restored/2.png"), overwrite: true);
    }

    [Theory]
    [InlineData("restored", "truth")]
    [InlineData("restored/*.png", "truth")]
    [InlineData("restored/?.png", "truth/*")]
    public void A_corrupt_file_is_told_at_the_end_and_stops_no_other_comparison(string restored, string truth)
    {
        var run = ProgramRun.Of(_workspace, "compare", restored, truth);
        Assert.Equal(1, run.Code);
        Assert.Equal(["image", "1.png", "3.png", "mean", "2"], run.Output.TrimEnd().Split('\n').Select(line => line.Split(' ')[0]));
        Assert.EndsWith("2 compared, 1 failed, of 3\n", run.Output);
        Assert.StartsWith("posterior: restored/2.png: image 'restored/2.png' cannot be decoded", run.Error);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void The_json_form_holds_the_failures_beside_the_numbers()
    {
        var run = ProgramRun.Of(_workspace, "compare", "restored", "truth", "--json");
        Assert.Equal(1, run.Code);
        using var json = JsonDocument.Parse(run.Output);
        var images = json.RootElement.GetProperty("images").EnumerateArray().ToArray();
        Assert.Equal(["1.png", "3.png"], images.Select(image => image.GetProperty("name").GetString()!));
        Assert.Equal(images.Average(image => image.GetProperty("psnr").GetDouble()), json.RootElement.GetProperty("mean_psnr").GetDouble(), 1e-9);
        var failure = Assert.Single(json.RootElement.GetProperty("failures").EnumerateArray().ToArray());
        Assert.Equal("restored/2.png", failure.GetProperty("input").GetString());
        Assert.Contains("cannot be decoded", failure.GetProperty("message").GetString());
    }

    [Fact]
    public void A_set_of_which_nothing_can_be_compared_has_no_mean()
    {
        var run = ProgramRun.Of(_workspace, "compare", "restored/2*", "truth", "--json");
        Assert.Equal(1, run.Code);
        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal(0, json.RootElement.GetProperty("images").GetArrayLength());
        Assert.False(json.RootElement.TryGetProperty("mean_psnr", out _));
    }

    [Fact]
    public void A_true_image_without_partner_is_a_failure_where_a_folder_or_its_pattern_asks_for_it()
    {
        _workspace.Picture("some/1.png", 3, 16, 16, 1);
        _workspace.Picture("some/3.png", 3, 16, 16, 3);
        foreach (var estimates in new[] { "some", "some/*.png" })
        {
            var run = ProgramRun.Of(_workspace, "compare", estimates, "truth");
            Assert.Equal(1, run.Code);
            Assert.Equal($"posterior: truth/2.png: it has no partner in '{estimates}'\n", run.Error);
        }
        Assert.DoesNotContain("failed", ProgramRun.Of(_workspace, "compare", "some/3*", "truth").Succeeded().Output);
        Assert.Contains("no image of 'truth' has a partner", ProgramRun.Of(_workspace, "compare", "grey*", "truth").RefusedLine());
    }

    [Theory]
    [InlineData("absent/*.png", "truth", "the folder 'absent'")]
    [InlineData("restored/*.jpg", "truth", "there are no images")]
    [InlineData("restored/*.png", "absent", "'absent' does not exist")]
    [InlineData("restored/*.png", "colour.png", "compare two files or two folders")]
    [InlineData("colour.png", "truth", "compare two files or two folders")]
    public void Sets_that_cannot_be_paired_are_refused_in_one_line(string a, string b, string expected) => Assert.Contains(expected, ProgramRun.Of(_workspace, "compare", a, b).RefusedLine());

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void An_image_that_is_not_finite_is_refused_by_name_on_either_side(double bad)
    {
        using (var scope = new Scope())
        {
            var values = Tensor.Full([1, 3, 16, 16], 0.5);
            ImageFile.Save(_workspace.File("finite.tif"), values, new SaveOptions { Bits = 32 });
            values.Narrow(2, 0, 1).Fill(bad);
            ImageFile.Save(_workspace.File("broken.tif"), values, new SaveOptions { Bits = 32 });
        }
        foreach (var (a, b) in new[] { ("broken.tif", "finite.tif"), ("finite.tif", "broken.tif") })
            Assert.Equal("posterior: image 'broken.tif' holds 48 values of 768 that are NaN or infinite", ProgramRun.Of(_workspace, "compare", a, b).RefusedLine());
    }
}
