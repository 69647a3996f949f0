using System.Globalization;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

/// <summary>Structured operators need memory proportional to the image.</summary>
[Collection(LiveHandles.Name)]
public sealed class OperatorMemoryTests
{
    private const double MostGibibytes = 4;

    [SkippableTheory]
    [InlineData("denoise")]
    [InlineData("inpaint-random:0.5")]
    [InlineData("sr4")]
    [InlineData("sr-bicubic4")]
    [InlineData("deblur-uniform9")]
    [InlineData("kernel:kernel.txt")]
    [InlineData("kernel:kernel.txt,stride=2")]
    [InlineData("colorize")]
    [InlineData("cs4")]
    [InlineData("block-cs4")]
    public void A_colour_image_of_2048_x_2048_pixels_takes_under_4_GiB(string text)
    {
        // What earlier tests left in the allocator is not this operator's.
        TorchRuntime.ReleaseMemory();
        Skip.IfNot(TryResetPeak(), "this system does not tell a process its peak memory");
        using (new NoGrad())
        using (new Scope())
        {
            var shape = new ImageShape(3, 2048, 2048);
            using var h = (SpectralOperator)OperatorCatalog.Parse(text).Bind(shape, new SmallFiles(shape));
            var x = Tensor.Full(shape.Batch(1), 0.5);
            var y = h.Apply(x);
            using (new Scope()) h.V(h.VT(x) * h.SingularValues);
            using (new Scope()) h.U(h.UT(y) * h.InverseSingularValues());
            using (new Scope()) h.Project(x, y);
        }

        var peak = PeakGibibytes();
        Assert.True(peak < MostGibibytes, string.Create(CultureInfo.InvariantCulture, $"{text}: {peak:0.00} GiB"));
    }

    // Linux forgets the peak when a process writes 5 to its clear_refs.
    private static bool TryResetPeak()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static double PeakGibibytes()
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return double.Parse(line["VmHWM:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / (1024 * 1024);
    }
}
