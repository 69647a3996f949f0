using System.Globalization;
using Posterior.Imaging;
using Posterior.Solvers;

namespace Posterior.Evaluation;

/// <summary>What the work on an image takes of the machine's memory, beside the network.</summary>
internal static class WorkingMemory
{
    /// <summary>
    /// Image-sized tensors of single precision that a solver holds at most. Measured for all solvers with six operators on a 512 x 512 colour image and a prior that only scales: 6 (dps) to 20.5 (red-diff),
    /// 9 to 16 for ddrm.
    /// </summary>
    public const int MostImages = 20;

    private const int UsualImages = 16;

    /// <summary>Refuses an image that the machine has not the memory for: the system would end the process in the middle of its work, without a word.</summary>
    /// <param name="shape">The image.</param>
    /// <exception cref="MeasurementException">It is too large.</exception>
    public static void Check(ImageShape shape)
    {
        var (needed, present) = ((double)UsualImages * sizeof(float) * shape.Channels * shape.Height * shape.Width, (double)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        if (needed > present)
            throw new MeasurementException(string.Create(CultureInfo.InvariantCulture, $"an image of {shape.Width}x{shape.Height} takes about {needed / (1 << 30):0.#} GiB, and {present / (1 << 30):0.#} GiB of memory are there"));
    }
}
