using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>A restoration method. Its properties are the method's hyper-parameters with the paper's defaults.</summary>
public abstract record Solver
{
    /// <summary>The name on the command line, as <c>ddrm</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the method takes account of noise in the measurement; the others explain the noise as if it were image.</summary>
    public abstract bool HandlesNoise { get; }

    /// <summary>How often the prior is evaluated for each image, if its range leaves all noise levels in place.</summary>
    public abstract int Evaluations { get; }

    /// <summary>How many steps a run reports: <see cref="Evaluations"/>, unless the method iterates without the prior.</summary>
    public virtual int Reports => Evaluations;

    /// <summary>What the method needs of an operator, in words that go on a message: <c>a linear operator</c>.</summary>
    public abstract string Needs { get; }

    /// <summary>What helps when a run diverges, in words that end a message.</summary>
    public virtual string Remedy => "check operator and noise level, or take more steps";

    /// <summary>Whether each evaluation of the prior is differentiated too, which takes about three times the time and the memory of all layers.</summary>
    public virtual bool DifferentiatesPrior => false;

    /// <summary>Whether the method has what it needs of an operator.</summary>
    public abstract bool Accepts(ForwardOperator h);

    /// <summary>Checks the settings, all at once; <see cref="RestoreAny"/> and its typed form do so before any work.</summary>
    /// <exception cref="SolverOptionsException">Settings are out of range.</exception>
    public void Validate()
    {
        var problems = Problems().ToArray();
        if (problems.Length > 0) throw new SolverOptionsException($"solver '{Name}': {string.Join("; ", problems)}");
    }

    /// <summary>Restores a measurement whose operator's rung is known at run time only.</summary>
    /// <inheritdoc cref="Solver{TOperator}.Restore"/>
    /// <exception cref="UnsupportedOperatorException">The operator lacks what the method needs.</exception>
    public abstract Restoration RestoreAny(
        IMeasurement<ForwardOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default);

    /// <summary>One clause for each setting that is out of range: name, expected, found.</summary>
    protected virtual IEnumerable<string> Problems() => [];

    /// <summary>The clause for a number that must lie in an interval, if it does not.</summary>
    protected static IEnumerable<string> Between(string name, double value, double low, double high) =>
        value >= low && value <= high ? [] : [FormattableString.Invariant($"{name} is {value}, expected {low} to {high}")];
}

/// <summary>A restoration method for operators of one rung and above.</summary>
/// <typeparam name="TOperator">The rung that the method needs.</typeparam>
public abstract record Solver<TOperator> : Solver
    where TOperator : ForwardOperator
{
    /// <inheritdoc/>
    public override string Needs =>
        typeof(TOperator) == typeof(ForwardOperator) ? "any operator"
        : typeof(TOperator) == typeof(LinearOperator) ? "a linear operator"
        : typeof(TOperator) == typeof(SpectralOperator) ? "an operator with singular values"
        : $"an operator of type {typeof(TOperator).Name}";

    /// <inheritdoc/>
    public sealed override bool Accepts(ForwardOperator h) => h is TOperator operation && Fits(operation);

    /// <summary>Restores a measurement. The prior is watched: a run that diverges ends at the next evaluation.</summary>
    /// <param name="measurement"><c>(y, H, sigma)</c>.</param>
    /// <param name="prior">The prior.</param>
    /// <param name="noise">Every random draw, one stream an image.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="SolverOptionsException">Settings are out of range.</exception>
    /// <exception cref="UnsupportedOperatorException">The operator lacks what the method needs beyond its type.</exception>
    /// <exception cref="DivergenceException">The run diverged.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public Restoration Restore(
        IMeasurement<TOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default)
    {
        Validate();
        if (!Fits(measurement.Operator)) throw new UnsupportedOperatorException(this, measurement.Operator);
        if (prior.Channels is { } channels && channels != measurement.Operator.InputShape.Channels)
            throw new ArgumentException($"the prior is for images of {channels} channels, operator '{measurement.Operator.Name}' is for {measurement.Operator.InputShape.Channels}");
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var guard = new DivergenceGuard(this, prior);
        var result = Run(measurement, guard, noise, progress, cancellation);
        // A baseline's result is what it is, however large.
        if (Reports > 0) guard.CheckResult(result.Estimate);
        scope.Keep(result.Estimate);
        return result with { NoiseIgnored = !HandlesNoise && measurement.Sigma > 0 };
    }

    /// <inheritdoc/>
    public sealed override Restoration RestoreAny(
        IMeasurement<ForwardOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default) =>
        measurement.Operator is TOperator h
            ? Restore(measurement as IMeasurement<TOperator> ?? new Measurement<TOperator>(measurement.Data, h, measurement.Sigma), prior, noise, progress, cancellation)
            : throw new UnsupportedOperatorException(this, measurement.Operator);

    /// <summary>Whether an operator of the right type has all else that the method needs.</summary>
    protected virtual bool Fits(TOperator h) => true;

    /// <summary>The method itself, called with settings in range, inside a scope and without recording for differentiation.</summary>
    /// <inheritdoc cref="Restore"/>
    protected abstract Restoration Run(
        IMeasurement<TOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation);
}
