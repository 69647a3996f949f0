using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A colour restorer for grey pictures: the grey channel is repeated three times, and the channels of the result are averaged.</summary>
/// <param name="colour">A restorer of three channels.</param>
public sealed class GreyRestorer(OneShotRestorer colour) : OneShotRestorer
{
    private readonly OneShotRestorer _colour = colour.Channels is null or 3 ? colour : throw new ArgumentException($"a grey restorer is made of a colour restorer, not one of {colour.Channels} channels");

    /// <inheritdoc/>
    public override long? Channels => 1;

    /// <inheritdoc/>
    public override int Scale => _colour.Scale;

    /// <inheritdoc/>
    public override RestorerInput Input => _colour.Input;

    /// <inheritdoc/>
    public override Tensor Restore(Tensor picture, double sigma)
    {
        using var scope = new Scope();
        return scope.Keep(Colour.ToGrey(_colour.Restore(Colour.ToColour(picture).Contiguous(), sigma)));
    }

    /// <inheritdoc/>
    public override string? Warning(ForwardOperator h, double sigma) => _colour.Warning(h, sigma);
}
