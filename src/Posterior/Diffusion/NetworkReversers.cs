using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A network as a <see cref="DegradationReverser"/>: it is told the noise level and gives what is to be added to its input (residual prediction, as in the code of Fabian et
/// al. 2024). The network stays the caller's.
/// </summary>
/// <param name="network">The network; its label is that of <c>sigma_t</c> (<see cref="INoiseConditioned.LabelOf"/>).</param>
/// <param name="process">The degradation process.</param>
/// <param name="noise">Its noise, for images in [-1, 1].</param>
/// <param name="stops">Where to stop, if it was measured.</param>
public sealed class NetworkReverser(INoiseConditioned network, SeverityProcess process, GeometricNoise noise, StoppingPoints? stops = null) : DegradationReverser
{
    /// <inheritdoc/>
    public override long? Channels => network.ImageChannels;

    /// <inheritdoc/>
    public override SeverityProcess Process => process;

    /// <inheritdoc/>
    public override GeometricNoise Noise => noise;

    /// <inheritdoc/>
    public override StoppingPoints? Stops => stops;

    /// <inheritdoc/>
    public override Tensor Predict(Tensor y, double time) => PredictEach(y, [.. Enumerable.Repeat(time, (int)y.Size(0))]);

    /// <summary>The posterior mean with a time for each image.</summary>
    /// <param name="y"><c>[N, C, H, W]</c>.</param>
    /// <param name="times">One for each image.</param>
    public Tensor PredictEach(Tensor y, double[] times) => ResidualPrediction.Of(network, y, [.. times.Select(time => network.LabelOf(UnitSigma.FromSigned(noise.Sigma(time))))]);
}

/// <summary>A network as a <see cref="BlendReverser"/>: it is told the time and gives what is to be added to its input. The network stays the caller's.</summary>
/// <param name="network">The network; its label is the time.</param>
/// <param name="degradation">The degradation of the training.</param>
/// <param name="trainedSigma">The noise of the measurements of the training, for images in [0, 1].</param>
/// <param name="epsilon">The fresh noise of the training at t = 1, for images in [-1, 1].</param>
public sealed class NetworkBlendReverser(INoiseConditioned network, OperatorSpec degradation, double trainedSigma, double epsilon) : BlendReverser
{
    /// <inheritdoc/>
    public override long? Channels => network.ImageChannels;

    /// <inheritdoc/>
    public override OperatorSpec? Degradation => degradation;

    /// <inheritdoc/>
    public override double Epsilon => epsilon;

    /// <inheritdoc/>
    public override string? Warning(ForwardOperator h, double sigma) => new RestorerTraining(degradation.Text, (trainedSigma, trainedSigma)).Warning(h, sigma);

    /// <inheritdoc/>
    public override Tensor Predict(Tensor x, double time) => PredictEach(x, [.. Enumerable.Repeat(time, (int)x.Size(0))]);

    /// <summary>The posterior mean with a time for each image.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <param name="times">One for each image.</param>
    public Tensor PredictEach(Tensor x, double[] times) => ResidualPrediction.Of(network, x, times);
}

/// <summary>A network whose output is added to its input.</summary>
internal static class ResidualPrediction
{
    /// <summary>Input plus output, for any height and width.</summary>
    /// <param name="network">The network.</param>
    /// <param name="input"><c>[N, C, H, W]</c>.</param>
    /// <param name="labels">The network's label of each image.</param>
    public static Tensor Of(INoiseConditioned network, Tensor input, double[] labels)
    {
        using var scope = new Scope();
        var output = network.Forward(ImageBorder.Extend(input, network.SizeMultiple), Tensor.From(labels, labels.Length).To(DType.Float32).To(input.Device));
        if (output.Size(2) != input.Size(2)) output = output.Narrow(2, 0, input.Size(2));
        if (output.Size(3) != input.Size(3)) output = output.Narrow(3, 0, input.Size(3));
        return scope.Keep(input + output.To(input.DType));
    }
}
