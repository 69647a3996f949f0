using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// The lowest rung: any map from an image to a measurement. Operators hold no batch; they treat each image of a batch alike.
/// </summary>
public abstract class ForwardOperator
{
    /// <summary>The shape of an image.</summary>
    public abstract ImageShape InputShape { get; }

    /// <summary>The shape of a measurement, without the batch dimension; measurements of images are <c>[C, H, W]</c>.</summary>
    public abstract IReadOnlyList<long> OutputShape { get; }

    /// <summary>The text form that makes this operator, as <c>sr4</c>; see <c>posterior operators</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Measures images, without noise.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <returns><c>[N, OutputShape]</c>.</returns>
    public abstract Tensor Apply(Tensor x);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
