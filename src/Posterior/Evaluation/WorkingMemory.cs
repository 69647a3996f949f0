using System.Globalization;
using Posterior.Imaging;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>What the work on an image takes of the machine's memory, beside the network: image-sized tensors of single precision.</summary>
internal static class WorkingMemory
{
    /// <summary>
    /// A solver holds at most so many. Measured for all solvers with six operators on a 512 x 512 colour image and a prior that only scales: 6 (dps) to 20.5 (red-diff), 9 to 16 for ddrm.
    /// </summary>
    public const int MostOfSolver = 21;

    /// <summary>A solver holds about so many: the middle for ddrm. Those with fewer differentiate the network, which takes more.</summary>
    public const int Solver = 12;

    /// <summary>Work without a solver: an image, what is made of it, and a picture to write.</summary>
    public const int Plain = 4;

    /// <summary>Refuses an image that the machine has not the memory for: the system would end the process in the middle of its work, without a word.</summary>
    /// <param name="shape">The image.</param>
    /// <param name="images">Tensors of its size.</param>
    /// <param name="device">Where they are; only the processor's memory is known.</param>
    /// <exception cref="MeasurementException">It is too large.</exception>
    public static void Check(ImageShape shape, int images, Device device = default)
    {
        if (device != Device.Cpu) return;
        var (needed, present) = ((double)images * sizeof(float) * shape.Channels * shape.Height * shape.Width, (double)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        if (needed > present)
            throw new MeasurementException(string.Create(CultureInfo.InvariantCulture, $"an image of {shape.Width}x{shape.Height} takes about {needed / (1 << 30):0.#} GiB, and {present / (1 << 30):0.#} GiB of memory are there"));
    }
}
