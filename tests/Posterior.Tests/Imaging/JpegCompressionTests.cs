using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class JpegCompressionTests
{
    [Fact]
    public void A_flat_image_survives_and_a_noisy_one_loses_more_at_lower_quality()
    {
        using var scope = new Scope();
        var flat = Tensor.Full([1, 3, 16, 24], 0.6);
        Assert.True((JpegCompression.Apply(flat, 60) - flat).Abs().Max().Item() < 0.02);
        var noisy = (new SeededNoise([1, 2]).Normal([2, 3, 32, 32]) * 0.2 + 0.5).Clamp(0, 1);
        double Loss(int quality) => (JpegCompression.Apply(noisy, quality) - noisy).Square().Mean().Item();
        Assert.True(Loss(20) > Loss(60) && Loss(60) > Loss(95) && Loss(95) > 0);
        Assert.Equal(noisy.Shape.ToArray(), JpegCompression.Apply(noisy, 60).Shape.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => JpegCompression.Apply(noisy, 0));
    }
}
