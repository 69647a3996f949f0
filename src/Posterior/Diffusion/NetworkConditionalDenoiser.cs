using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A preconditioned network that is told the measurement, as a <see cref="ConditionalDenoiser"/>: <c>D(x; sigma, y, H) = c_skip x + c_out F(c_in x, c_noise, y, H)</c>
/// (Palette, InvFussion Eq. 8). The network stays the caller's.
/// </summary>
/// <param name="network">The raw network; it must take a measurement.</param>
/// <param name="scalings">Its scalings.</param>
/// <param name="sigmaRange">The noise levels of its training.</param>
/// <param name="size">Height and width of the images of its training; null when any will do.</param>
public sealed class NetworkConditionalDenoiser(IMeasurementConditioned network, Preconditioning scalings, (double Min, double Max) sigmaRange, (long Height, long Width)? size = null) : ConditionalDenoiser
{
    /// <summary>The network.</summary>
    public IMeasurementConditioned Network { get; } = network.TakesMeasurement ? network : throw new ArgumentException("the network takes no measurement", nameof(network));

    /// <inheritdoc/>
    public override long? Channels => Network.ImageChannels;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => sigmaRange;

    /// <inheritdoc/>
    public override bool SeesOperator => Network.SeesOperator;

    /// <inheritdoc/>
    public override int Classes => Network.Classes;

    /// <summary>The class and how strongly the model is moved away from its form without class; null for none.</summary>
    private (long Label, double Guidance)? Class { get; init; }

    /// <summary>What the card says the model was trained on; null when it does not.</summary>
    public TrainedDegradations? Trained { get; init; }

    /// <inheritdoc/>
    public override ConditionalDenoiser WithClass(long label, double guidance = 1)
    {
        if (label < 0 || label >= Classes) throw new ArgumentException(Classes == 0 ? "the network is unconditional: it takes no class labels" : $"class labels go from 0 to {Classes - 1}, found {label}", nameof(label));
        return new NetworkConditionalDenoiser(Network, scalings, sigmaRange, size) { Class = (label, guidance), Trained = Trained };
    }

    /// <inheritdoc/>
    public override string? Warning(ForwardOperator h, double sigma) => Trained?.Warning(h, sigma);

    /// <inheritdoc/>
    public override Denoiser Given(Tensor y, LinearOperator h, double sigma)
    {
        Check(h.InputShape);
        // It owns no tensors.
        var operators = new SharedOperator(h, y.Size(0));
        return Given(operators, y.Reshape(y.Size(0), -1));
    }

    /// <summary>The denoiser of a batch of measurements, each with its own operator.</summary>
    /// <param name="operators">The operators; they stay the caller's and must outlive the denoiser.</param>
    /// <param name="y"><c>[N, Rows]</c>; it stays the caller's and must outlive the denoiser.</param>
    /// <exception cref="OperatorException">The operators are for images that the model does not take.</exception>
    public Denoiser Given(OperatorBatch operators, Tensor y)
    {
        Check(operators.InputShape);
        var measured = new MeasuredBatch(operators, y);
        return Class is not { } given ? new Bound(this, measured, null)
            : given.Guidance == 1 ? new Bound(this, measured, given.Label)
            : new ClassifierFreeGuidance(new Bound(this, measured, given.Label), new Bound(this, measured, null), given.Guidance);
    }

    private void Check(ImageShape shape)
    {
        var (height, width) = size ?? (shape.Height, shape.Width);
        if (shape.Channels != Network.ImageChannels || (shape.Height, shape.Width) != (height, width))
            throw new OperatorException($"the model is for images of {Network.ImageChannels}x{height}x{width}, the operator for {shape}");
        if (shape.Height % Network.SizeMultiple != 0 || shape.Width % Network.SizeMultiple != 0)
            throw new OperatorException($"the model takes heights and widths that are multiples of {Network.SizeMultiple}, the operator is for {shape}");
    }

    private sealed class Bound(NetworkConditionalDenoiser owner, MeasuredBatch measured, long? label) : Denoiser
    {
        public override long? Channels => owner.Channels;

        public override (double Min, double Max) SigmaRange => owner.SigmaRange;

        public override NoiseSchedule Schedule => owner.Scalings.Schedule;

        public override Tensor Denoise(Tensor x, double sigma)
        {
            using var scope = new Scope();
            var labels = label is { } one ? Tensor.Full([x.Size(0)], one, DType.Int64, x.Device) : null;
            return scope.Keep(owner.Scalings.Denoise(x, sigma, (input, noise) => owner.Network.Forward(input, Tensor.Full([x.Size(0)], noise, device: x.Device), measured, labels)));
        }
    }

    private Preconditioning Scalings => scalings;
}
