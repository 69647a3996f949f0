using System.Text.Json;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Cli.Tests;

public sealed class RestoreTests(Workspace workspace) : IClassFixture<Workspace>
{
    private static readonly string[] _quick = ["--steps", "4"];

    [Fact]
    public void The_version_is_printed()
    {
        var run = ProgramRun.Of(workspace, "--version").Succeeded();
        Assert.Matches(@"^posterior \d+\.\d+\.\d+\n$", run.Output);
        Assert.Equal("", run.Error);
    }

    [Fact]
    public void Degrade_restore_and_compare_work_in_turn_with_receipts()
    {
        Degrade("colour.png", "sr2", "0.05", "y.png");
        Restore("y.png", "sr2", "0.05", "x.png");
        using var receipt = JsonDocument.Parse(workspace.Bytes("x.png.json"));
        var root = receipt.RootElement;
        Assert.Equal("40x32", root.GetProperty("image_size").GetString());
        Assert.Equal(4, root.GetProperty("evaluations").GetInt32());
        Assert.Equal(64, root.GetProperty("model").GetProperty("sha256").GetString()!.Length);
        Assert.InRange(root.GetProperty("data_residual").GetDouble(), 1e-9, 1);
        using var comparison = JsonDocument.Parse(ProgramRun.Of(workspace, "compare", "x.png", "colour.png", "--json").Succeeded().Output);
        Assert.InRange(comparison.RootElement.GetProperty("mean_psnr").GetDouble(), 3, 60);
    }

    [Fact]
    public void Degrade_crops_to_the_largest_multiple_and_says_so()
    {
        var run = ProgramRun.Of(workspace, "degrade", "odd.png", "--operator", "sr4", "-o", "cropped.png").Succeeded();
        Assert.Contains("cropped from 42x33", run.Output);
        using var small = ImageFile.Load(workspace.File("cropped.png"));
        Assert.Equal([1, 3, 8, 10], small.Shape.ToArray());
    }

    [Fact]
    public void Degrade_tells_what_clipping_takes_away_and_a_float_file_keeps_it()
    {
        Assert.Contains("clipped", Degrade("colour.png", "denoise", "0.5", "clipped.png").Output);
        Assert.DoesNotContain("clipped", Degrade("colour.png", "denoise", "0.5", "kept.tif").Output);
        using var kept = ImageFile.Load(workspace.File("kept.tif"));
        using var least = kept.Min();
        Assert.True(least.Item() < 0);
    }

    [Fact]
    public void Known_pixels_come_back_bit_for_bit_through_an_8_bit_file()
    {
        ProgramRun.Of(workspace, "degrade", "colour.png", "--operator", "inpaint:mask.png", "--bits", "8", "-o", "holes.png").Succeeded();
        Restore("holes.png", "inpaint:mask.png", "0", "filled.png");
        using var scope = new Scope();
        var (truth, filled, mask) = (ImageFile.Load(workspace.File("colour.png")), ImageFile.Load(workspace.File("filled.png")), ImageFile.Load(workspace.File("mask.png")));
        Assert.Equal(0, ((truth - filled) * mask).Abs().Max().Item());
        Assert.True(((truth - filled) * (1 - mask)).Abs().Max().Item() > 0);
    }

    [Fact]
    public void A_grey_measurement_is_restored_with_the_colour_prior()
    {
        Degrade("grey.png", "sr2", "0.05", "grey-y.png");
        Restore("grey-y.png", "sr2", "auto", "grey-x.png");
        using var restored = ImageFile.Load(workspace.File("grey-x.png"));
        Assert.Equal([1, 1, 32, 40], restored.Shape.ToArray());
    }

    [Fact]
    public void Colorization_and_arrays_work()
    {
        Degrade("colour.png", "colorize", "0", "grey-of-colour.png");
        Restore("grey-of-colour.png", "colorize", "0", "coloured.png");
        ProgramRun.Of(workspace, "degrade", "colour.png", "--operator", "block-cs4:block=8", "-o", "sensed.npy").Succeeded();
        ProgramRun.Of(workspace, ["restore", "sensed.npy", "--operator", "block-cs4:block=8", "--size", "40x32", "-o", "sensed.png", .. _quick]).Succeeded();
        using var restored = ImageFile.Load(workspace.File("sensed.png"));
        Assert.Equal([1, 3, 32, 40], restored.Shape.ToArray());
    }

    [Fact]
    public void Several_samples_come_with_their_mean_and_deviation()
    {
        Degrade("colour.png", "sr4", "0.1", "many-y.png");
        ProgramRun.Of(workspace, ["restore", "many-y.png", "--operator", "sr4", "--sigma", "0.1", "--samples", "3", "--bits", "16", "-o", "many.png", .. _quick]).Succeeded();
        using var scope = new Scope();
        var samples = Tensor.Cat([.. Enumerable.Range(0, 3).Select(k => ImageFile.Load(workspace.File($"many.{k}.png")))]);
        Assert.True((samples.Narrow(0, 0, 1) - samples.Narrow(0, 1, 1)).Abs().Max().Item() > 0, "samples are equal");
        Assert.Equal(0, (samples.Narrow(0, 0, 1) - ImageFile.Load(workspace.File("many.png"))).Abs().Max().Item());
        // Samples are limited to [0, 1] in their files only, hence the few wrong pixels that are allowed.
        var mean = (samples.Mean([0], keepDimensions: true) - ImageFile.Load(workspace.File("many.mean.png"))).Abs();
        Assert.True(mean.Mean().Item() < 0.01, $"mean differs by {mean.Mean().Item()}");
        var deviation = (samples.Variance([0], keepDimensions: true).Sqrt() - ImageFile.Load(workspace.File("many.std.png"))).Abs();
        Assert.True(deviation.Mean().Item() < 0.01, $"deviation differs by {deviation.Mean().Item()}");
        using var receipt = JsonDocument.Parse(workspace.Bytes("many.png.json"));
        var residuals = receipt.RootElement.GetProperty("sample_residuals").EnumerateArray().Select(one => one.GetDouble()).ToArray();
        Assert.Equal(3, residuals.Length);
        Assert.Equal(receipt.RootElement.GetProperty("data_residual").GetDouble(), residuals[0]);
        // |mean of r|^2 is the mean of |r|^2 less their spread.
        Assert.True(receipt.RootElement.GetProperty("mean_residual").GetDouble() < residuals.Average());
        Assert.NotEmpty(receipt.RootElement.GetProperty("verdict").GetProperty("sentence").GetString()!);
        // Measurement, three samples, mean and deviation side by side, the measurement in its own small size, all twice as large for the captions.
        using var sheet = ImageFile.Load(workspace.File("many.sheet.png"));
        Assert.Equal(2 * (10 + 5 * 40) + 7 * 6, sheet.Size(3));
    }

    [Fact]
    public void The_truth_map_shows_what_was_measured_and_comes_again_with_rerun()
    {
        ProgramRun.Of(workspace, "degrade", "colour.png", "--operator", "inpaint-box:10,8,20,16", "-o", "holed.png").Succeeded();
        var run = ProgramRun.Of(workspace, ["restore", "holed.png", "--operator", "inpaint-box:10,8,20,16", "--truth-map", "-o", "mapped.png", .. _quick]).Succeeded();
        Assert.Contains("the measurement fixes", run.Output);
        Assert.Contains("explains the measurement exactly", run.Output);
        using (var scope = new Scope())
        {
            var map = ImageFile.Load(workspace.File("mapped.truth.png"));
            // Each pixel is a square of four.
            Assert.Equal(3 * 80 + 4 * 6, map.Size(3));
            var invention = map.Narrow(2, map.Size(2) - 6 - 64, 64).Narrow(3, 3 * 6 + 2 * 80, 80);
            // Middle grey where pixels are known.
            Assert.True((invention.Narrow(2, 0, 16) - 0.5).Abs().Max().Item() <= 0.5 / 255 + 1e-6);
            Assert.True((invention.Narrow(2, 16, 32).Narrow(3, 20, 40) - 0.5).Abs().Max().Item() > 0.02);
        }
        using var again = JsonDocument.Parse(ProgramRun.Of(workspace, "rerun", "mapped.png.json", "--json").Succeeded().Output);
        Assert.True(again.RootElement.GetProperty("identical").GetBoolean());
        Assert.Equal(2, again.RootElement.GetProperty("outputs").GetArrayLength());
    }

    [Fact]
    public void An_image_has_the_same_result_alone_and_in_any_batch()
    {
        foreach (var (name, seed) in new[] { ("a", 11ul), ("b", 12ul), ("c", 13ul) }) workspace.Picture($"batch/{name}.png", 3, 16, 16, seed);
        ProgramRun.Of(workspace, ["restore", "batch", "--operator", "denoise", "--sigma", "0.1", "-o", "batch-out", .. _quick]).Succeeded();
        ProgramRun.Of(workspace, ["restore", "batch/c.png", "--operator", "denoise", "--sigma", "0.1", "-o", "alone.png", .. _quick]).Succeeded();
        Assert.Equal(workspace.Bytes("batch-out/c.png"), workspace.Bytes("alone.png"));
        Assert.NotEqual(workspace.Bytes("batch-out/b.png"), workspace.Bytes("alone.png"));
    }

    [Fact]
    public void A_corrupt_file_stops_nothing_else_and_a_second_run_does_only_what_is_left()
    {
        foreach (var (name, seed) in new[] { ("1", 21ul), ("3", 23ul) }) workspace.Picture($"mixed/{name}.png", 3, 16, 16, seed);
        File.Copy(workspace.File("truncated.png"), workspace.File("mixed/2.png"));
        string[] arguments = ["restore", "mixed/*.png", "--operator", "denoise", "--sigma", "0.1", "-o", "mixed-out", .. _quick];
        var first = ProgramRun.Of(workspace, arguments);
        Assert.Equal(1, first.Code);
        Assert.Contains("2 done, 0 finished before, 1 failed", first.Output);
        Assert.Single(first.Error.TrimEnd().Split('\n'));
        Assert.Contains("mixed/2.png", first.Error);
        Assert.False(workspace.Exists("mixed-out/2.png"));
        workspace.Picture("mixed/2.png", 3, 16, 16, 22);
        Assert.Contains("1 done, 2 finished before, 0 failed", ProgramRun.Of(workspace, arguments).Succeeded().Output);
        Assert.Contains("3 done, 0 finished before", ProgramRun.Of(workspace, [.. arguments, "--seed", "9"]).Succeeded().Output);
    }

    [Fact]
    public void Rerun_makes_the_same_again_and_finds_a_changed_output()
    {
        Degrade("colour.png", "sr4", "0", "again-y.png");
        Restore("again-y.png", "sr4", "0", "again.png");
        foreach (var receipt in new[] { "again-y.png.json", "again.png.json" })
        {
            using var same = JsonDocument.Parse(ProgramRun.Of(workspace, "rerun", receipt, "--json").Succeeded().Output);
            Assert.True(same.RootElement.GetProperty("identical").GetBoolean());
        }
        File.Copy(workspace.File("colour.png"), workspace.File("again.png"), overwrite: true);
        var changed = ProgramRun.Of(workspace, "rerun", "again.png.json", "--json");
        Assert.Equal(1, changed.Code);
        using var result = JsonDocument.Parse(changed.Output);
        Assert.True(result.RootElement.GetProperty("outputs")[0].GetProperty("largest_difference").GetDouble() > 0.01);
        File.Copy(workspace.File("odd.png"), workspace.File("again-y.png"), overwrite: true);
        Assert.Contains("has changed", ProgramRun.Of(workspace, "rerun", "again.png.json").RefusedLine());
    }

    [Fact]
    public void A_method_for_exact_measurements_says_so_when_there_is_noise()
    {
        Degrade("colour.png", "sr4", "0.1", "noisy-y.tif");
        string[] restore = ["restore", "noisy-y.tif", "--operator", "sr4", "--solver", "ddnm", "-o", "noisy.png", .. _quick];
        Assert.Equal("", ProgramRun.Of(workspace, restore).Succeeded().Error);
        foreach (var sigma in new[] { "0.1", "auto" })
        {
            var note = ProgramRun.Of(workspace, [.. restore, "--sigma", sigma]).Succeeded().Error;
            Assert.StartsWith("posterior: note: solver 'ddnm' takes the measurement for exact", note);
            Assert.Single(note.TrimEnd().Split('\n'));
            using var receipt = JsonDocument.Parse(workspace.Bytes("noisy.png.json"));
            Assert.Contains("solvers that handle noise: ddrm, ", receipt.RootElement.GetProperty("notes")[0].GetString());
        }
    }

    [Theory]
    [InlineData("bicubic", 0)]
    [InlineData("admm-tv --set lambda=0.05 --set edge=periodic --set steps=5", 0)]
    [InlineData("pnp-admm --set rho=0.4 --set denoiser-sigma=0.05", 4)]
    [InlineData("red --set luminance-only=yes", 4)]
    [InlineData("diffpir --set lambda=3", 4)]
    public void Solvers_take_settings_by_name_and_their_receipts_make_the_same_again(string solver, int evaluations)
    {
        Degrade("colour.png", "sr4", "0.1", "named-y.tif");
        string[] steps = evaluations > 0 ? _quick : [];
        ProgramRun.Of(workspace, ["restore", "named-y.tif", "--operator", "sr4", "--sigma", "0.1", "--solver", .. solver.Split(' '), "-o", "named.png", "--force", .. steps]).Succeeded();
        using var receipt = JsonDocument.Parse(workspace.Bytes("named.png.json"));
        Assert.Equal(evaluations, receipt.RootElement.GetProperty("evaluations").GetInt32());
        using var same = JsonDocument.Parse(ProgramRun.Of(workspace, "rerun", "named.png.json", "--json").Succeeded().Output);
        Assert.True(same.RootElement.GetProperty("identical").GetBoolean());
    }

    [Fact]
    public void The_catalogue_of_solvers_tells_evaluations_noise_and_needs()
    {
        using var json = JsonDocument.Parse(ProgramRun.Of(workspace, "solvers", "--json").Succeeded().Output);
        var rows = json.RootElement.EnumerateArray().ToDictionary(row => row.GetProperty("name").GetString()!);
        string Cell(string solver, string column) => rows[solver].GetProperty(column).GetString()!;
        Assert.Equal(("20", "yes", "an operator with singular values"), (Cell("ddrm", "evaluations"), Cell("ddrm", "noise"), Cell("ddrm", "needs")));
        Assert.Equal(("0", "no", "none"), (Cell("pinv", "evaluations"), Cell("pinv", "noise"), Cell("pinv", "settings")));
        Assert.StartsWith("steps=12, rho=0.1, denoiser-sigma=auto", Cell("pnp-admm", "settings"));
    }

    [Theory]
    [InlineData("operators", "sr{FACTOR}")]
    [InlineData("solvers", "ddrm")]
    [InlineData("samplers", "heun-churn")]
    [InlineData("models", "photo")]
    [InlineData("info photo --no-curve", "photo-unet")]
    public void Catalogues_print_text_without_escape_codes_and_json(string command, string expected)
    {
        var arguments = command.Split(' ');
        var text = ProgramRun.Of(workspace, arguments).Succeeded();
        Assert.Contains(expected, text.Output);
        Assert.DoesNotContain('\u001b', text.Output + text.Error);
        using var json = JsonDocument.Parse(ProgramRun.Of(workspace, [.. arguments, "--json"]).Succeeded().Output);
        Assert.Contains(expected, json.RootElement.ToString());
    }

    [Fact]
    public void A_culture_with_decimal_commas_changes_nothing()
    {
        (string, string)[] german = [("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8")];
        Degrade("colour.png", "sr2", "0.05", "culture-y.png");
        ProgramRun.Of(workspace, german, ["degrade", "colour.png", "--operator", "sr2", "--sigma", "0.05", "-o", "culture-z.png"]).Succeeded();
        Assert.Equal(workspace.Bytes("culture-y.png"), workspace.Bytes("culture-z.png"));
        var (plain, comma) = (ProgramRun.Of(workspace, "compare", "grey.png", "colour.png").Succeeded(), ProgramRun.Of(workspace, german, ["compare", "grey.png", "colour.png"]).Succeeded());
        Assert.Equal(plain.Output, comma.Output);
        Assert.DoesNotContain(',', comma.Output);
    }

    [Fact]
    public void Piped_output_of_a_restoration_has_no_escape_codes()
    {
        Degrade("colour.png", "sr2", "0", "piped-y.png");
        var run = ProgramRun.Of(workspace, ["restore", "piped-y.png", "--operator", "sr2", "-o", "piped.png", .. _quick]).Succeeded();
        Assert.DoesNotContain('\u001b', run.Output);
        Assert.Equal("", run.Error);
    }

    private ProgramRun Degrade(string input, string op, string sigma, string output) =>
        ProgramRun.Of(workspace, "degrade", input, "--operator", op, "--sigma", sigma, "-o", output).Succeeded();

    private void Restore(string input, string op, string sigma, string output) =>
        ProgramRun.Of(workspace, ["restore", input, "--operator", op, "--sigma", sigma, "-o", output, .. _quick]).Succeeded();
}
