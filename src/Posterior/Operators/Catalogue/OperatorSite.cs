using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>What a definition is bound to when it becomes an operator.</summary>
/// <param name="Shape">The shape of images.</param>
/// <param name="Files">Where named files come from; null when there are none.</param>
/// <param name="DType">The precision of the images to come.</param>
/// <param name="Device">The device of the images to come.</param>
public sealed record OperatorSite(ImageShape Shape, IOperatorFiles? Files = null, DType DType = DType.Float32, Device Device = default)
{
    /// <summary>Reads a plane of numbers.</summary>
    /// <exception cref="OperatorException">The file holds no finite numbers, or no files are at hand.</exception>
    public Tensor LoadPlane(string path)
    {
        if (Files is null) throw new OperatorException($"cannot read '{path}': this program reads no operator files");
        var plane = Files.LoadPlane(path);
        if (plane.Rank != 2 || plane.Count == 0)
            throw new OperatorException($"'{path}': expected a plane of numbers, rows x columns, found {(plane.Rank == 0 ? "a single number" : string.Join(" x ", plane.Shape.ToArray()))}");
        return plane.IsFinite().All() ? plane : throw new OperatorException($"'{path}' holds numbers that are not finite");
    }
}
