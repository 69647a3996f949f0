using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// The lowest rung: any map from an image to a measurement. Operators hold no batch; they treat each image of a batch alike.
/// </summary>
public abstract class ForwardOperator : IDisposable
{
    /// <summary>The shape of an image.</summary>
    public abstract ImageShape InputShape { get; }

    /// <summary>The shape of a measurement, without the batch dimension; measurements of images are <c>[C, H, W]</c>.</summary>
    public abstract IReadOnlyList<long> OutputShape { get; }

    /// <summary>Whether measurements are pictures with values near [0, 1], for images in [0, 1].</summary>
    public virtual bool MakesPictures => OutputShape is [1 or 3, _, _];

    /// <summary>The text form that makes this operator, as <c>sr4</c>; see <c>posterior operators</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Measures images, without noise.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <returns><c>[N, OutputShape]</c>.</returns>
    public abstract Tensor Apply(Tensor x);

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Frees the tensors that the operator owns; it is not used afterwards.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>Checks that images fit before any work.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <exception cref="OperatorException">They have another shape.</exception>
    protected void CheckImages(Tensor x)
    {
        if (x.Shape is not [_, var c, var h, var w] || new ImageShape(c, h, w) != InputShape)
            throw new OperatorException($"operator '{Name}' takes images [N, {InputShape.Channels}, {InputShape.Height}, {InputShape.Width}], found {x}");
    }

    /// <summary>Checks that measurements fit before any work.</summary>
    /// <param name="y"><c>[N, OutputShape]</c>.</param>
    /// <exception cref="OperatorException">They have another shape.</exception>
    protected void CheckMeasurements(Tensor y)
    {
        var fits = y.Rank == OutputShape.Count + 1;
        for (var i = 0; fits && i < OutputShape.Count; i++) fits = y.Size(i + 1) == OutputShape[i];
        if (!fits) throw new OperatorException($"operator '{Name}' takes measurements [N, {string.Join(", ", OutputShape)}], found {y}");
    }
}
