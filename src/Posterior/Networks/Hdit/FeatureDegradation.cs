using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary>
/// The feature degradation layer, <c>a~ = H^+ T([H a, y])</c> (InvFussion Eq. 7): the tokens are laid out as a stack of c images, the operator measures
/// each, a learned linear map over the channels compares them with the measurement, and what it gives is brought back by the pseudo-inverse.
/// </summary>
/// <remarks>
/// With <see cref="MeasurementActivation.Gated"/> channel i of <c>z = W [H a, y]</c> is multiplied by <c>2 sigmoid(u_i r_i + v_i)</c>, where
/// <c>r_i = |z_i| / sqrt(|y|^2 + sum_j |z_j|^2 / c)</c>: lengths of measurements do not depend on their basis nor on rows of zeros.
/// It starts as the linear map alone (u = v = 0).
/// A rescaled layer multiplies by <c>g^-p</c> with a learned p and the share g of the energy of smooth images that <c>H^+ H</c> leaves: 1 for masks, about rows over pixels
/// for random matrices, whose back projection is otherwise a tenth of the tokens' size. g does not depend on the basis or on rows of zeros either. p starts at 1/2, which keeps the scale of images.
/// </remarks>
internal sealed class FeatureDegradation : Module
{
    private readonly HditPatch _patch;
    private readonly MeasurementActivation _activation;
    private readonly Parameter _map, _gate;
    private readonly Parameter? _power;

    /// <summary>A layer with zero weights.</summary>
    /// <param name="width">Numbers of a token, a multiple of <c>C</c> times the pixels of a token.</param>
    /// <param name="patch">The pixels of a token.</param>
    /// <param name="activation">What follows the linear map.</param>
    /// <param name="rescaled">Whether the operator's share of smooth images is undone by a learned power.</param>
    public FeatureDegradation(int width, HditPatch patch, MeasurementActivation activation, bool rescaled)
    {
        (_patch, _activation) = (patch, activation);
        var stack = width / patch.Numbers;
        _map = AddParameter("map.weight", Tensor.Zeros([stack, stack + 1]));
        if (rescaled) _power = AddParameter("power", Tensor.Full([1], 0.5));
        if (activation == MeasurementActivation.Gated) _gate = AddParameter("gate.weight", Tensor.Zeros([stack, 2]));
    }

    /// <summary>The second stream of tokens.</summary>
    /// <param name="tokens"><c>[N, h, w, width]</c>.</param>
    /// <param name="condition">The measurement and its operators.</param>
    /// <returns>Tokens of the same shape and type; zeros where nothing is measured.</returns>
    public Tensor Forward(Tensor tokens, MeasuredBatch condition)
    {
        using var scope = new Scope();
        var (n, h, w) = (tokens.Size(0), tokens.Size(1), tokens.Size(2));
        var (c, rows, columns) = (_patch.Channels, _patch.Rows, _patch.Columns);

        // Numbers of a token are (row, column, image of the stack, channel); Fourier transforms want single precision.
        var images = tokens.To(condition.Y.DType).Reshape(n, h, w, rows, columns, -1, c).Permute(0, 5, 6, 1, 3, 2, 4).Reshape(n, -1, c, h * rows, w * columns);
        var map = _map.Value.To(images.DType);
        var share = _power is { } power ? (condition.Operators.SmoothShare.To(images.Device).To(images.DType).Log() * power.Value.To(images.DType) * -1).Exp() : null;
        var back = _activation == MeasurementActivation.Gated
            ? condition.Operators.Through(images, new GatedMixture(condition.Y, map, _gate.Value.To(images.DType), share))
            : condition.Operators.PseudoInverse(Silu(condition.Operators.Apply(images), condition.Y, map, share));
        return scope.Keep(back.Reshape(n, -1, c, h, rows, w, columns).Permute(0, 3, 5, 4, 6, 1, 2).Reshape(n, h, w, tokens.Size(3)).To(tokens.DType));
    }

    /// <summary>Random weights that keep the scale.</summary>
    public void Initialise(NoiseSource noise) => Initialisation.Normal(_map, null, 1, noise);

    private static Tensor Silu(Tensor measured, Tensor y, Tensor map, Tensor? share)
    {
        using var scope = new Scope();
        var z = map.MatMul(Tensor.Cat([measured, y.Unsqueeze(1)], 1)).Silu();
        WorkMeter.CountProduct(map, z);
        return scope.Keep(share is null ? z : z * share.Reshape(-1, 1, 1));
    }
}

/// <summary>The pixels behind a token of a level.</summary>
/// <param name="Channels">Channels of the images.</param>
/// <param name="Rows">Rows of pixels.</param>
/// <param name="Columns">Columns of pixels.</param>
internal readonly record struct HditPatch(int Channels, int Rows, int Columns)
{
    /// <summary>Numbers of the patch: what a width must be a multiple of for <see cref="FeatureDegradation"/>.</summary>
    public int Numbers => Channels * Rows * Columns;

    /// <summary>The pixels behind a token of the next level.</summary>
    public HditPatch Coarser => new(Channels, 2 * Rows, 2 * Columns);
}
