using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Metrics;

/// <summary>A metric of the luma channel (<see cref="Colour.Luma"/>), as super-resolution papers report it.</summary>
/// <param name="Inner">The metric of the luma.</param>
public sealed record LumaMetric(IMetric Inner) : IMetric
{
    /// <inheritdoc/>
    public string Name => Inner.Name + "-y";

    /// <inheritdoc/>
    public string Unit => Inner.Unit;

    /// <inheritdoc/>
    public bool HigherIsBetter => Inner.HigherIsBetter;

    /// <inheritdoc/>
    public double[] Compare(Tensor estimate, Tensor truth)
    {
        using var scope = new Scope();
        return Inner.Compare(Colour.Luma(estimate), Colour.Luma(truth));
    }
}
