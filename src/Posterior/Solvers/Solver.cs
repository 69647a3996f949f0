using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>A restoration method. Its properties are the method's hyper-parameters with the paper's defaults.</summary>
public abstract record Solver
{
    /// <summary>The name on the command line, as <c>ddrm</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the method has what it needs of an operator.</summary>
    public abstract bool Accepts(ForwardOperator h);

    /// <summary>Restores a measurement whose operator's rung is known at run time only.</summary>
    /// <inheritdoc cref="Solver{TOperator}.Restore"/>
    /// <exception cref="UnsupportedOperatorException">The operator lacks what the method needs.</exception>
    public abstract Restoration RestoreAny(
        IMeasurement<ForwardOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default);
}

/// <summary>A restoration method for operators of one rung and above.</summary>
/// <typeparam name="TOperator">The rung that the method needs.</typeparam>
public abstract record Solver<TOperator> : Solver
    where TOperator : ForwardOperator
{
    /// <inheritdoc/>
    public sealed override bool Accepts(ForwardOperator h) => h is TOperator;

    /// <summary>Restores a measurement.</summary>
    /// <param name="measurement"><c>(y, H, sigma)</c>.</param>
    /// <param name="prior">The prior.</param>
    /// <param name="noise">Every random draw, one stream an image.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public abstract Restoration Restore(
        IMeasurement<TOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default);

    /// <inheritdoc/>
    public sealed override Restoration RestoreAny(
        IMeasurement<ForwardOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default) =>
        measurement.Operator is TOperator h
            ? Restore(new Measurement<TOperator>(measurement.Data, h, measurement.Sigma), prior, noise, progress, cancellation)
            : throw new UnsupportedOperatorException(this, measurement.Operator);
}
