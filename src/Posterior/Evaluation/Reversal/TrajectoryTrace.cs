using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Reversal;

/// <summary>
/// Follows a solver's estimates step by step where the original is known: give it to a solver as its progress. Any metrics, PSNR, SSIM and LPIPS among them, and the data
/// consistency <c>|y - H x^0|^2 / m</c>.
/// </summary>
/// <param name="measurement">The measurement that is restored.</param>
/// <param name="original">The original of each image, <c>[N, C, H, W]</c> in [-1, 1]. It stays the caller's.</param>
/// <param name="metrics">What is measured at each step. They stay the caller's.</param>
public sealed class TrajectoryTrace(IMeasurement<LinearOperator> measurement, Tensor original, IReadOnlyList<IMetric> metrics) : IProgress<SolverStep>
{
    private readonly List<TrajectoryStep> _steps = [];

    /// <summary>What was measured so far, a step each; means over the images.</summary>
    public IReadOnlyList<TrajectoryStep> Steps => _steps;

    /// <inheritdoc/>
    public void Report(SolverStep value)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var (estimate, truth) = (ValueRange.ToUnit(value.Estimate).Clamp(0, 1).To(Device.Cpu), ValueRange.ToUnit(original).To(Device.Cpu));
        _steps.Add(new([.. metrics.Select(metric => metric.Compare(estimate, truth).Average())], Consistency.Residual(measurement, value.Estimate)));
    }
}

/// <summary>One step of a trajectory.</summary>
/// <param name="Values">The value of each metric, in their order.</param>
/// <param name="Consistency"><c>|y - H x^0|^2 / m</c> for images in [0, 1]; at the noise floor it is the variance of the noise.</param>
public sealed record TrajectoryStep(IReadOnlyList<double> Values, double Consistency);
