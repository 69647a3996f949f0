using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Cli.Tests;

/// <summary>Bad input: one clear line, a non-zero exit code, nothing written.</summary>
public sealed class RefusalTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Theory]
    [InlineData("missing.png", "does not exist")]
    [InlineData("empty.png", "is empty")]
    [InlineData("truncated.png", "cannot be decoded")]
    [InlineData("mislabelled.png", "PDF")]
    [InlineData("hostile.png", "is not PNG")]
    public void A_file_that_is_no_image_is_refused(string file, string expected) => Refused(expected, "restore", file, "--operator", "sr4", "-o", "out.png");

    [Theory]
    [InlineData("nan.npy")]
    [InlineData("infinite.npy")]
    public void Measurements_that_are_not_finite_are_refused(string file) => Refused("NaN or infinite", "restore", file, "--operator", "sr4", "-o", "out.png");

    [Fact]
    public void An_image_that_is_not_finite_is_not_degraded()
    {
        using var scope = new Scope();
        ImageFile.Save(workspace.File("nan.tif"), Tensor.Full([1, 3, 8, 10], double.NaN), new SaveOptions { Bits = 32 });
        Refused("image 'nan.tif' holds 240 values of 240 that are NaN or infinite", "degrade", "nan.tif", "--operator", "sr2", "-o", "out.png");
    }

    [Theory]
    [InlineData("restore")]
    [InlineData("plan")]
    public void A_measurement_with_values_up_to_255_is_refused_with_what_helps(string verb)
    {
        using (var scope = new Scope()) ImageFile.Save(workspace.File("bytes.tif"), ImageFile.Load(workspace.File("colour.png")) * 255, new SaveOptions { Bits = 32 });
        var run = ProgramRun.Of(workspace, verb, "bytes.tif", "--operator", "sr2", "--sigma", "0.05", "-o", "out.png");
        Assert.NotEqual(0, run.Code);
        Assert.Single((run.Output + run.Error).Split('\n'), line => line.Contains("measurement 'bytes.tif' is not of images in [0, 1] through 'sr2'", StringComparison.Ordinal) && line.EndsWith("; divide its values by 255", StringComparison.Ordinal));
        Assert.False(workspace.Exists("out.png"), "an output was written");
    }

    [Theory]
    [InlineData("-0.1", "from 0 to")]
    [InlineData("nan", "no noise level")]
    [InlineData("25", "must be divided by 255")]
    [InlineData("1e9", "from 0 to")]
    [InlineData("much", "no noise level")]
    public void A_noise_level_that_makes_no_sense_is_refused(string sigma, string expected) => Refused(expected, "restore", "colour.png", "--operator", "denoise", "--sigma", sigma, "-o", "out.png");

    [Theory]
    [InlineData("inpaint:small-mask.png", "32 rows x 40 columns")]
    [InlineData("inpaint:absent.png", "does not exist")]
    [InlineData("kernel:empty.png", "is empty")]
    [InlineData("inpaint:models", "is a folder, not a file")]
    [InlineData("kernel:models", "is a folder, not a file")]
    [InlineData("matrix:models", "is a folder, not a file")]
    [InlineData("matrix:mask.png", "size")]
    [InlineData("inpaint-box:30,30,20,20", "not inside the image")]
    [InlineData("sr1", "factor")]
    [InlineData("sr-bicubc4", "did you mean 'sr-bicubic")]
    [InlineData("deblur-gauss:sigam=3", "did you mean 'sigma'?")]
    public void An_operator_that_does_not_fit_is_refused(string text, string expected) => Refused(expected, "restore", "colour.png", "--operator", text, "-o", "out.png");

    [Fact]
    public void A_size_that_does_not_divide_is_refused_by_restore()
    {
        ProgramRun.Of(workspace, "degrade", "odd.png", "--operator", "block-cs4", "-o", "blocks.npy").Succeeded();
        Refused("32x32", "restore", "blocks.npy", "--operator", "block-cs4", "--size", "42x33", "-o", "out.png");
    }

    [Fact]
    public void A_measurement_that_is_no_picture_needs_an_array() => Refused(".npy", "degrade", "colour.png", "--operator", "block-cs4", "-o", "out.png");

    [Theory]
    [InlineData("did you mean 'restore'?", "resotre", "a", "b")]
    [InlineData("did you mean '--operator'?", "restore", "colour.png", "--oprator", "sr4", "-o", "out.png")]
    [InlineData("did you mean 'ddrm'?", "restore", "colour.png", "--operator", "sr4", "--solver", "ddmr", "-o", "out.png")]
    [InlineData("did you mean 'photo'?", "restore", "colour.png", "--operator", "sr4", "--model", "phto", "-o", "out.png")]
    [InlineData("did you mean '--sigma'?", "degrade", "colour.png", "--operator", "sr4", "--sgima", "0.1", "-o", "out.png")]
    [InlineData("unknown option '--version' (posterior", "restore", "--version")]
    [InlineData("--operator", "restore", "colour.png", "-o", "out.png")]
    [InlineData("whole number", "restore", "colour.png", "--operator", "sr4", "--steps", "many", "-o", "out.png")]
    [InlineData("steps is 0", "restore", "colour.png", "--operator", "sr4", "--steps", "0", "-o", "out.png")]
    [InlineData("steps is 10001, expected 1 to 10000", "restore", "colour.png", "--operator", "sr4", "--steps", "10001", "-o", "out.png")]
    [InlineData("eta is 1.5, expected 0 to 1", "restore", "colour.png", "--operator", "sr4", "--eta", "1.5", "-o", "out.png")]
    [InlineData("zeta is -1, expected 0 to 100", "restore", "colour.png", "--operator", "sr4", "--solver", "dps", "--zeta", "-1", "-o", "out.png")]
    [InlineData("zeta is 1000000000, expected 0 to 100", "restore", "colour.png", "--operator", "sr4", "--solver", "dps", "--zeta", "1e9", "-o", "out.png")]
    [InlineData("'ddnm' has no setting rho; it has steps, eta, travel-length, travel-repeat, schedule", "restore", "colour.png", "--operator", "sr4", "--solver", "ddnm", "--set", "rho=1", "-o", "out.png")]
    [InlineData("rho is 'big', expected a number", "restore", "colour.png", "--operator", "sr4", "--solver", "pnp-admm", "--set", "rho=big", "-o", "out.png")]
    [InlineData("'steps' is given twice", "restore", "colour.png", "--operator", "sr4", "--steps", "4", "--set", "steps=5", "-o", "out.png")]
    [InlineData("expected NAME=VALUE", "restore", "colour.png", "--operator", "sr4", "--set", "steps", "-o", "out.png")]
    [InlineData("needs an operator whose measurement is a smaller picture, which 'denoise' is not; solvers that work: ddrm, ", "restore", "colour.png", "--operator", "denoise", "--solver", "bicubic", "-o", "out.png")]
    [InlineData("did you mean 'heun'?", "sample", "--sampler", "heum", "-o", "out.png")]
    [InlineData("samples is 0", "restore", "colour.png", "--operator", "sr4", "--samples", "0", "-o", "out.png")]
    [InlineData("no device", "restore", "colour.png", "--operator", "sr4", "--device", "tpu", "-o", "out.png")]
    [InlineData("not there", "restore", "colour.png", "--operator", "sr4", "--device", "cuda:99", "-o", "out.png")]
    [InlineData("f32 or bf16", "restore", "colour.png", "--operator", "sr4", "--dtype", "f8", "-o", "out.png")]
    [InlineData("no classes", "restore", "colour.png", "--operator", "sr4", "--class", "3", "-o", "out.png")]
    [InlineData("WIDTHxHEIGHT", "restore", "colour.png", "--operator", "sr4", "--size", "big", "-o", "out.png")]
    [InlineData("no image format", "restore", "colour.png", "--operator", "sr4", "-o", "out.gif")]
    [InlineData("bits", "restore", "colour.png", "--operator", "sr4", "--bits", "12", "-o", "out.png")]
    [InlineData("which is read", "degrade", "colour.png", "--operator", "denoise", "-o", "colour.png")]
    [InlineData("is no receipt", "rerun", "mislabelled.png")]
    [InlineData("one size", "compare", "colour.png", "odd.png")]
    [InlineData("there are no images", "restore", "models", "--operator", "sr4", "-o", "out")]
    public void What_is_unknown_or_out_of_range_is_refused_in_one_line(string expected, params string[] arguments) => Refused(expected, arguments);

    [Fact]
    public void An_image_smaller_than_the_factor_is_told_as_such()
    {
        using (var scope = new Scope()) ImageFile.Save(workspace.File("dot.png"), Tensor.Ones([1, 3, 1, 1]));
        Refused("operator 'sr2': the image is smaller than 2x2", "degrade", "dot.png", "--operator", "sr2", "-o", "out.png");
    }

    [Fact]
    public void A_file_of_a_folder_whose_name_is_not_utf8_is_told_as_such()
    {
        Assert.True(Shell("sh", "-c", "mkdir \"$0\" && cp \"$1\" \"$0/$(printf 'caf\\351').png\"", workspace.File("latin"), workspace.File("colour.png")));
        try
        {
            var run = ProgramRun.Of(workspace, "degrade", "latin", "--operator", "sr4", "-o", "degraded");
            Assert.NotEqual(0, run.Code);
            Assert.Contains("cannot be read: its name is not UTF-8", run.Error, StringComparison.Ordinal);
        }
        finally
        {
            // .NET cannot delete it either.
            Shell("rm", "-r", workspace.File("latin"));
        }
    }

    // Ten times the stable step: every iteration multiplies the distance from the measurement by 19.
    [Fact]
    public void A_restoration_that_diverges_ends_with_its_step_and_what_helps() => Refused(
        "solver 'red' diverged at evaluation ", "restore", "colour.png", "--operator", "denoise", "--sigma", "0.1", "--solver", "red", "--steps", "100000", "--set", "step-size=10", "-o", "out.png");

    [Fact]
    public void A_checkpoint_that_does_not_fit_its_architecture_is_refused_by_key()
    {
        File.WriteAllText(workspace.File("arch.json"), "{\"widths\": [8, 32]}");
        Refused(".weight (expected [", "restore", "colour.png", "--operator", "sr4", "--arch", "arch.json", "-o", "out.png");
    }

    [Fact]
    public void Where_it_happened_is_told_to_those_who_ask()
    {
        var run = ProgramRun.Of(workspace, [("POSTERIOR_DEBUG", "1")], ["restore", "absent.png", "--operator", "sr4", "-o", "out.png"]);
        Assert.Equal(1, run.Code);
        Assert.StartsWith("posterior: ", run.Error);
        Assert.Contains("   at Posterior.", run.Error);
    }

    [Fact]
    public void A_file_that_is_no_checkpoint_is_refused() => Refused("mislabelled.png", "restore", "colour.png", "--operator", "sr4", "--model", "mislabelled.png", "-o", "out.png");

    [Fact]
    public void An_output_folder_that_cannot_be_written_is_refused_before_any_work()
    {
        Refused("cannot", "restore", "colour.png", "--operator", "sr4", "-o", "/proc/out.png");
        Refused("cannot", "restore", "colour.png", "--operator", "sr4", "-o", "/proc/folder/");
    }

    [SkippableFact]
    public void A_full_disk_is_refused_and_nothing_is_left_on_it()
    {
        var disk = Directory.CreateDirectory(workspace.File("disk")).FullName;
        Skip.IfNot(Shell("mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", disk), "needs the right to mount a small file system");
        try
        {
            Refused("full", "degrade", "colour.png", "--operator", "denoise", "--sigma", "0.2", "-o", Path.Combine(disk, "y.npy"));
            Assert.Empty(Directory.EnumerateFileSystemEntries(disk));
        }
        finally
        {
            Shell("umount", disk);
        }
    }

    private void Refused(string expected, params string[] arguments)
    {
        var line = ProgramRun.Of(workspace, arguments).RefusedLine();
        Assert.Contains(expected, line, StringComparison.OrdinalIgnoreCase);
        Assert.False(workspace.Exists("out.png"), "an output was written");
        Assert.False(workspace.Exists("out.png.json"), "a receipt was written");
        Assert.Empty(workspace.Leftovers());
    }

    private static bool Shell(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
