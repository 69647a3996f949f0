using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>The baseline without a prior: <c>H^+ y</c>, the least-norm image among those that explain the measurement best.</summary>
public sealed record PseudoInverseSolver : Solver<LinearOperator, ImagePredictor>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new PseudoInverseSolver(), "the pseudo-inverse, a baseline without a prior", "Moore 1920, Penrose 1955");

    /// <inheritdoc/>
    public override string Name => "pinv";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <inheritdoc/>
    public override int Evaluations => 0;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var estimate = measurement.Operator.PseudoInverse(measurement.Data);
        // The result is the caller's alone, also where H^+ is the identity.
        return new(ReferenceEquals(estimate, measurement.Data) ? estimate.Clone() : estimate, 0);
    }
}
