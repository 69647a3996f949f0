using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Tests.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

/// <summary>Which measurements are taken for ones of images in [0, 1], from files as <c>restore</c> reads them.</summary>
[Collection(LiveHandles.Name)]
public sealed class MeasurementRangeTests : IDisposable
{
    private static readonly ImageShape _shape = new(3, 32, 32);

    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-range-").FullName;

    // The files that the examples of the catalogue name.
    public MeasurementRangeTests()
    {
        using var scope = new Scope();
        var files = new SmallFiles(_shape);
        ImageFile.Save(File("mask.png"), files.LoadPlane("mask.png").Unsqueeze(0));
        System.IO.File.WriteAllText(File("kernel.txt"), "0.05 0.2 0.1\n0.15 0.3 0.2\n");
        foreach (var name in new[] { "matrix.npy", "plane.npy" }) NpyFile.Write(File(name), files.LoadPlane(name));
    }

    public static TheoryData<string> Texts() =>
    [
        .. OperatorCatalog.Entries.Select(entry => entry.Example), "kernel:kernel.txt,normalize=no", "kernel:kernel.txt,stride=2", "matrix:plane.npy,per-channel=yes", "cs64", "block-cs16:block=8",
        "inpaint-random:0.99", "sr-bicubic2", "deblur-uniform5:boundary=symmetric",
    ];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Texts))]
    public void Measurements_of_every_operator_are_accepted_up_to_the_largest_noise(string text)
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            using var h = (SpectralOperator)OperatorCatalog.Parse(text).Bind(_shape, new OperatorFiles(_folder));
            var largest = Math.Min(UnitSigma.Max, Measurement<LinearOperator>.SigmaLimit / 2 * Math.Max(1, h.SingularValues.Max().Item()));
            ImageFile.Save(File("white.png"), Tensor.Ones(_shape.Batch(1)));
            ImageFile.Save(File("scene.png"), Scene());
            foreach (var image in new[] { "white", "scene" })
            {
                foreach (var (level, sigma) in new[] { ("none", 0), ("some", 0.1), ("most", largest) })
                {
                    var y = $"{image}-{level}.npy";
                    new DegradationJob(new() { Operator = text, Sigma = sigma }, _folder).Run(File(image + ".png"), File(y));
                    Assert.Equal(sigma, UnitSigma.FromSigned(Measure(y, text, sigma)).Value);
                }
            }
        }
        Assert.Equal(before, LiveHandles.Count());
    }

    [Theory]
    [InlineData("denoise", 255)]
    [InlineData("denoise", 65535)]
    [InlineData("sr4", 255)]
    [InlineData("sr-bicubic2", 65535)]
    [InlineData("deblur-gauss:sigma=3,size=31", 255)]
    [InlineData("inpaint-random:0.5", 255)]
    [InlineData("colorize", 255)]
    [InlineData("cs4", 255)]
    [InlineData("block-cs4", 65535)]
    [InlineData("kernel:kernel.txt,normalize=no", 255)]
    public void Measurements_of_images_with_the_values_of_integers_are_refused_with_the_divisor(string text, int scale)
    {
        using var scope = new Scope();
        using var h = (LinearOperator)OperatorCatalog.Parse(text).Bind(_shape, new OperatorFiles(_folder));
        var y = (h.Apply(Scene()) * scale).Squeeze(0);
        var names = h.MakesPictures ? new[] { "y.tif", "y.npy" } : ["y.npy"];
        foreach (var name in names)
        {
            MeasurementFile.Save(File(name), y, 32);
            foreach (var sigma in new[] { 0, 0.1 })
            {
                var message = Assert.Throws<MeasurementException>(() => Measure(name, text, sigma)).Message;
                Assert.StartsWith($"measurement '{File(name)}' is not of images in [0, 1] through '{h.Name}': the root mean square of its values is ", message, StringComparison.Ordinal);
                Assert.EndsWith($" or less; divide its values by {scale}", message, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData(120.0, "the root mean square of its values is 120, expected 1.1 or less; divide its values by 255")]
    [InlineData(30000.0, "the root mean square of its values is 3E+04, expected 1.1 or less; divide its values by 65535")]
    [InlineData(1e9, "the root mean square of its values is 1E+09, expected 1.1 or less")]
    public void The_message_tells_what_was_found_and_what_is_expected(double value, string expected)
    {
        using var scope = new Scope();
        NpyFile.Write(File("y.npy"), Tensor.Full([3, 16, 16], value));
        Assert.EndsWith(expected, Assert.Throws<MeasurementException>(() => Measure("y.npy", "denoise", 0.1)).Message, StringComparison.Ordinal);
    }

    // The estimate comes in the unit of the values.
    [Fact]
    public void Noise_that_is_estimated_excuses_no_large_values()
    {
        using var scope = new Scope();
        var x = Scene();
        ImageFile.Save(File("y.tif"), (x + new SeededNoise(1).NormalLike(x) * 0.1) * 255, new SaveOptions { Bits = 32 });
        Assert.EndsWith("; divide its values by 255", Assert.Throws<MeasurementException>(() => Measure("y.tif", "denoise", null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_pixels_may_hold_anything()
    {
        using var scope = new Scope();
        using var h = (Inpainting)OperatorCatalog.Parse("inpaint-random:0.5").Bind(_shape);
        var y = Scene() * h.Mask - (1 - h.Mask) * 9999;
        NpyFile.Write(File("y.npy"), y.Squeeze(0));
        Assert.Equal(0, Measure("y.npy", "inpaint-random:0.5", 0));
    }

    [Fact]
    public void An_operator_without_singular_values_accepts_all()
    {
        using var scope = new Scope();
        using var h = new UserOperator(new(1, 4, 4), [1, 4, 4], image => image.Clone(), image => image.Clone());
        var y = Tensor.Full([1, 1, 4, 4], 1e6);
        Assert.Null(Record.Exception(() => MeasurementRange.Check("y.npy", h, y, 0)));
    }

    private static Tensor Scene() => ValueRange.ToUnit(Scenes.Of(3, 32, 32)).Clamp(0, 1);

    private string File(string name) => Path.Combine(_folder, name);

    private double Measure(string name, string text, double? sigma)
    {
        using var scope = new Scope();
        var spec = OperatorCatalog.Parse(text);
        ImageSize? size = spec is HadamardSpec or BlockSensingSpec or MatrixSpec or FamilySpec ? new ImageSize(_shape.Width, _shape.Height) : null;
        using var loaded = LoadedMeasurement.Open(File(name), spec, size, new OperatorFiles(_folder), Device.Cpu);
        return loaded.Measure(sigma).Sigma;
    }
}
