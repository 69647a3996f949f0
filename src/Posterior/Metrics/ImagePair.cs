using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>What every metric checks and converts first.</summary>
internal static class ImagePair
{
    /// <exception cref="ArgumentException">The batches are not of one shape <c>[N, C, H, W]</c>.</exception>
    public static void Check(Tensor estimate, Tensor truth)
    {
        if (estimate.Rank != 4 || !estimate.Shape.SequenceEqual(truth.Shape)) throw new ArgumentException($"images to compare are of one shape [N, C, H, W], not {estimate} and {truth}");
    }

    /// <summary>Both batches in double precision on the CPU, where sums are exact enough for every digit that is printed.</summary>
    /// <exception cref="ArgumentException">They are not of one shape <c>[N, C, H, W]</c>.</exception>
    public static (Tensor Estimate, Tensor Truth) Double(Tensor estimate, Tensor truth)
    {
        Check(estimate, truth);
        return (estimate.To(Device.Cpu).To(DType.Float64), truth.To(Device.Cpu).To(DType.Float64));
    }
}
