using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

[Collection(LiveHandles.Name)]
public sealed class DegradationJobTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-degrade-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(double.NaN, "y.tif")]
    [InlineData(double.PositiveInfinity, "y.png")]
    [InlineData(double.NegativeInfinity, "y.npy")]
    public void An_image_that_is_not_finite_is_refused_by_name_and_nothing_is_written(double bad, string output)
    {
        var before = LiveHandles.Count();
        var (x, y) = (Path.Combine(_folder, "x.tif"), Path.Combine(_folder, output));
        using (var scope = new Scope())
        {
            var values = Tensor.Full([1, 3, 8, 8], 0.5);
            values.Narrow(1, 0, 1).Narrow(2, 0, 1).Narrow(3, 0, 1).Fill(bad);
            ImageFile.Save(x, values, new SaveOptions { Bits = 32 });
        }
        var error = Assert.Throws<ImageException>(() => new DegradationJob(new() { Operator = "denoise", Sigma = 0.1 }, _folder).Run(x, y));
        Assert.Equal($"image '{x}' holds 1 values of 192 that are NaN or infinite", error.Message);
        Assert.Equal(x, Assert.Single(Directory.GetFiles(_folder)));
        Assert.Equal(before, LiveHandles.Count());
    }

    [Fact]
    public void Noise_far_above_the_range_of_images_is_measured_as_it_was_asked_for()
    {
        using var scope = new Scope();
        var (x, y) = (Path.Combine(_folder, "x.png"), Path.Combine(_folder, "y.npy"));
        ImageFile.Save(x, Tensor.Full([1, 3, 64, 64], 0.5));
        new DegradationJob(new() { Operator = "denoise", Sigma = 5 }, _folder).Run(x, y);
        var values = MeasurementFile.Load(y, out _);
        Assert.Equal(5, Math.Sqrt((values - 0.5).Square().Mean().Item()), 0.15);
    }
}
