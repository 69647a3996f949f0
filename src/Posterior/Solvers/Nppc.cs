using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>Neural posterior principal components (Nehme, Yair, Michaeli 2023; with the operator inside InvFussion, Sec. 5): posterior mean and principal directions in one evaluation.</summary>
public sealed record Nppc : Solver<LinearOperator, PosteriorComponentsModel>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Nppc(), "posterior mean and principal directions from a network that was trained for them", "Nehme et al. 2023, arXiv:2309.13598")
        .Flag("final-projection", s => s.FinalProjection, (s, v) => s with { FinalProjection = v });

    /// <inheritdoc/>
    public override string Name => "nppc";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override int Evaluations => 1;

    /// <summary>Whether a measurement without noise is put into the mean, and what it fixes is taken out of the directions (<see cref="PrincipalComponents.Given"/>); no leaves the output of the network as it is.</summary>
    public bool FinalProjection { get; init; } = true;

    /// <inheritdoc/>
    public override bool GivesComponents => true;

    /// <inheritdoc/>
    public override string NeedsOfModel => "a model of posterior components";

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, PosteriorComponentsModel predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var y = measurement.Data;
        var components = predictor.Of(new SharedOperator(measurement.Operator, y.Size(0)), y.Reshape(y.Size(0), -1));
        progress?.Report(new(0, 1, 0, components.Mean));
        if (FinalProjection && measurement.Sigma == 0) components = components.Given(measurement.Operator, y);
        return new(components.Mean.Clone(), 1) { Components = components };
    }
}
