using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Where operators get the masks, kernels and matrices that a text form names.</summary>
public interface IOperatorFiles
{
    /// <summary>Reads a plane of numbers: an image (grey, values in [0, 1]), a <c>.npy</c> array or a matrix written as text.</summary>
    /// <param name="path">The file.</param>
    /// <returns><c>[rows, columns]</c>, real, on the host.</returns>
    Tensor LoadPlane(string path);
}
