using System.Text.Json;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Cli.Tests;

/// <summary>Nothing that is read is replaced, no result replaces another, and one wrong file stops no other.</summary>
public sealed class ReplacementTests(Workspace workspace) : IClassFixture<Workspace>
{
    private static readonly string[] _one = ["--sigma", "0.1", "--steps", "1"];

    [Fact]
    public void A_sample_would_replace_its_own_measurement()
    {
        workspace.Picture("own/photo.0.png", 3, 16, 16, 1);
        Refused("would replace 'own/photo.0.png', which is read", "own/photo.0.png", "own/photo.0.png", "--operator", "denoise", "--samples", "2", "-o", "own/photo.png");
    }

    [Fact]
    public void A_result_would_replace_the_mask_it_was_made_with()
    {
        var mask = workspace.File("kept-mask.png");
        File.Copy(workspace.File("mask.png"), mask);
        Refused("kept-mask.png', which is read", "kept-mask.png", "colour.png", "--operator", "inpaint:kept-mask.png", "-o", "kept-mask.png");
        var before = File.ReadAllBytes(mask);
        Assert.Contains("which is read", ProgramRun.Of(workspace, "degrade", "colour.png", "--operator", "inpaint:kept-mask.png", "-o", "kept-mask.png").RefusedLine());
        workspace.Picture("calibrated/1.png", 3, 32, 40, 6);
        foreach (var output in new[] { "kept-mask.png", "calibrated/1.png" })
            Assert.Contains("which is read", ProgramRun.Of(workspace, "calibrate", "--data", "calibrated", "--operator", "inpaint:kept-mask.png", "-o", output).RefusedLine());
        Assert.Equal(before, File.ReadAllBytes(mask));
    }

    [Fact]
    public void A_result_would_replace_its_measurement_by_another_name()
    {
        workspace.Picture("real/y.png", 3, 16, 16, 2);
        Directory.CreateSymbolicLink(workspace.File("folder-link"), workspace.File("real"));
        File.CreateSymbolicLink(workspace.File("file-link.png"), workspace.File("real/y.png"));
        Refused("which is read", "real/y.png", "folder-link/y.png", "--operator", "denoise", "-o", "real/y.png");
        Refused("which is read", "real/y.png", "file-link.png", "--operator", "denoise", "-o", "real/y.png");
        // A link that only looks like the input is no input.
        ProgramRun.Of(workspace, ["restore", "file-link.png", "--operator", "denoise", "-o", "beside-link.png", .. _one]).Succeeded();
    }

    [Fact]
    public void Samples_of_one_input_would_replace_those_of_another()
    {
        foreach (var name in new[] { "a", "a.0", "a.mean" }) workspace.Picture($"names/{name}.png", 3, 16, 16, 3);
        Assert.Contains("would be written for", ProgramRun.Of(workspace, ["restore", "names", "--operator", "denoise", "--samples", "2", "-o", "names-out", .. _one]).RefusedLine());
        ProgramRun.Of(workspace, ["restore", "names", "--operator", "denoise", "-o", "names-out", .. _one]).Succeeded();
    }

    [Fact]
    public void An_image_that_the_model_does_not_take_stops_no_other()
    {
        foreach (var name in new[] { "1", "3" }) workspace.Picture($"kinds/{name}.png", 3, 16, 16, 4);
        using (var scope = new Scope()) NpyFile.Write(workspace.File("kinds/2.npy"), Tensor.Full([16, 16, 5], 0.5));
        var run = ProgramRun.Of(workspace, ["restore", "kinds", "--operator", "denoise", "-o", "kinds-out", "--json", .. _one]);
        Assert.Equal(1, run.Code);
        Assert.Contains("2.npy: model 'photo' is for images of 3 channels, this one has 16", run.Error);
        using var result = JsonDocument.Parse(run.Output);
        Assert.Equal(2, result.RootElement.GetProperty("results").GetArrayLength());
        Assert.Equal(1, result.RootElement.GetProperty("failures").GetArrayLength());
    }

    [Fact]
    public void Failures_that_end_the_work_are_in_the_json_too()
    {
        var run = ProgramRun.Of(workspace, "restore", "colour.png", "--operator", "denoise", "--sigma", "0.1", "--classifier", "classifier.safetensors", "--class", "1", "-o", "never.png", "--json");
        Assert.Equal(1, run.Code);
        using var result = JsonDocument.Parse(run.Output);
        Assert.Contains("takes images of 32x32", result.RootElement.GetProperty("failures")[0].GetProperty("message").GetString());
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void Unsigned_integers_of_16_bits_are_no_measurement()
    {
        byte[] header = [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. System.Text.Encoding.ASCII.GetBytes("{'descr': '<u2', 'fortran_order': False, 'shape': (3, 8, 10), }".PadRight(117) + "\n")];
        File.WriteAllBytes(workspace.File("u2.npy"), [.. header, .. new byte[3 * 8 * 10 * 2]]);
        Assert.Contains("expected floating-point", ProgramRun.Of(workspace, ["restore", "u2.npy", "--operator", "denoise", "-o", "u2.png", .. _one]).RefusedLine());
    }

    [Fact]
    public void Numbers_beyond_single_precision_are_not_called_infinite()
    {
        using (var scope = new Torch.Scope()) Imaging.NpyFile.Write(workspace.File("huge.npy"), Torch.Tensor.Full([3, 8, 10], 1e300, Torch.DType.Float64));
        Assert.Contains("beyond single precision", ProgramRun.Of(workspace, ["restore", "huge.npy", "--operator", "denoise", "-o", "huge.png", .. _one]).RefusedLine(), StringComparison.Ordinal);
    }

    // More than 2^28 pixels, as no image file may have.
    [Theory]
    [InlineData("too large", "sample", "--size", "1000000x1000000", "--count", "1", "-o", "huge.png")]
    [InlineData("too large", "restore", "colour.png", "--operator", "zero", "--size", "1000000x1000000", "-o", "huge.png")]
    public void A_size_beyond_that_of_any_image_file_is_refused(string expected, params string[] arguments)
    {
        Assert.Contains(expected, ProgramRun.Of(workspace, arguments).RefusedLine());
        Assert.False(workspace.Exists("huge.png"));
    }

    [Fact]
    public void An_enlargement_that_the_machine_has_no_memory_for_is_refused_before_any_work()
    {
        workspace.Picture("large.png", 1, 2048, 2048, 5);
        Assert.Contains("GiB of memory are there", ProgramRun.Of(workspace, "restore", "large.png", "--operator", "sr64", "-o", "huge.png").RefusedLine());
        Assert.False(workspace.Exists("huge.png"));
    }

    private void Refused(string expected, string kept, params string[] arguments)
    {
        var before = workspace.Bytes(kept);
        Assert.Contains(expected, ProgramRun.Of(workspace, ["restore", .. arguments, .. _one]).RefusedLine());
        Assert.Equal(before, workspace.Bytes(kept));
        Assert.Empty(workspace.Leftovers());
    }
}
