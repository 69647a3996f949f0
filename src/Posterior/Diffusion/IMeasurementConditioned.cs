using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A raw network that may be told a measurement and its operators; without one it is unconditional.</summary>
public interface IMeasurementConditioned : INoiseConditioned
{
    /// <summary>Whether the network uses a measurement.</summary>
    bool TakesMeasurement { get; }

    /// <summary>Whether the network is told the operators too; else it sees <c>H^+ y</c> alone.</summary>
    bool SeesOperator { get; }

    /// <summary>Evaluates the network with a measurement of each image.</summary>
    /// <param name="x">Scaled noisy images, <c>[N, C, H, W]</c>.</param>
    /// <param name="noiseLabel">What tells the noise level in the network's own terms, <c>[N]</c>.</param>
    /// <param name="measured">The measurements and their operators.</param>
    /// <param name="labels">The class of each image, Int64 <c>[N]</c>, or null for none.</param>
    /// <returns>The raw output.</returns>
    Tensor Forward(Tensor x, Tensor noiseLabel, MeasuredBatch measured, Tensor? labels = null);
}

/// <summary>
/// A batch of measurements <c>y_i = H_i x_i + n_i</c> with their operators. What no image can produce (noise on masked pixels, say) tells nothing and is
/// taken off: <c>H H^+ y</c> stays. The operators and tensors stay the caller's.
/// </summary>
public sealed class MeasuredBatch
{
    /// <summary>Measurements as one vector each; two tensors are computed, in the scope that is open.</summary>
    /// <param name="operators">The operator of each image.</param>
    /// <param name="y"><c>[N, Rows]</c>.</param>
    public MeasuredBatch(OperatorBatch operators, Tensor y)
    {
        (Operators, PseudoInverse) = (operators, operators.PseudoInverse(y));
        Y = operators.Apply(PseudoInverse);
    }

    /// <summary>The operator of each image.</summary>
    public OperatorBatch Operators { get; }

    /// <summary>The measurements, <c>[N, Rows]</c>, without what no image can produce.</summary>
    public Tensor Y { get; }

    /// <summary><c>H^+ y</c>, <c>[N, C, H, W]</c>: what is an input of the network.</summary>
    public Tensor PseudoInverse { get; }
}
