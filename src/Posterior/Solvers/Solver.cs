using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>A restoration method. Its properties are the method's hyper-parameters with the paper's defaults; noise levels may be those that suit the prior.</summary>
public abstract record Solver
{
    /// <summary>The name on the command line, as <c>ddrm</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the method takes account of noise in the measurement; the others explain the noise as if it were image.</summary>
    public abstract bool HandlesNoise { get; }

    /// <summary>How often the prior is evaluated for each image, if its range leaves all noise levels in place and the steps divide its process; <see cref="EvaluationsWith"/> says it for a prior.</summary>
    public abstract int Evaluations { get; }

    /// <summary>How often a model is evaluated for each image: <see cref="Evaluations"/>, or what follows from the noise levels of a prior.</summary>
    /// <param name="predictor">The model.</param>
    /// <exception cref="SolverOptionsException">The settings do not go with the model.</exception>
    public virtual int EvaluationsWith(ImagePredictor predictor) => Evaluations;

    /// <summary>How many steps a run reports: <see cref="Evaluations"/>, unless the method iterates without the prior.</summary>
    public virtual int Reports => Evaluations;

    /// <summary>What the method needs of an operator, in words that go on a message: <c>a linear operator</c>.</summary>
    public abstract string Needs { get; }

    /// <summary>What helps when a run diverges, in words that end a message.</summary>
    public virtual string Remedy => "check operator and noise level, or take more steps";

    /// <summary>Whether each evaluation of the prior is differentiated too, which takes about three times the time and the memory of all layers.</summary>
    public virtual bool DifferentiatesPrior => false;

    /// <summary>Whether its restorations hold the principal directions in which the image may differ, <see cref="Restoration.Components"/>.</summary>
    public virtual bool GivesComponents => false;

    /// <summary>What the method needs of a model, in words that go on a message: <c>a prior</c>.</summary>
    public abstract string NeedsOfModel { get; }

    /// <summary>Whether the method has what it needs of an operator.</summary>
    public abstract bool Accepts(ForwardOperator h);

    /// <summary>Whether a model is of the kind that the method works with.</summary>
    public abstract bool Accepts(ImagePredictor predictor);

    /// <summary>Whether the method works with priors, which all closed-form comparisons use.</summary>
    public abstract bool AcceptsPriors { get; }

    /// <summary>Checks the settings, all at once; <see cref="RestoreAny"/> and its typed form do so before any work.</summary>
    /// <exception cref="SolverOptionsException">Settings are out of range.</exception>
    public void Validate()
    {
        var problems = Problems().ToArray();
        if (problems.Length > 0) throw new SolverOptionsException($"solver '{Name}': {string.Join("; ", problems)}");
    }

    /// <summary>Restores a measurement whose operator's rung is known at run time only.</summary>
    /// <inheritdoc cref="Solver{TOperator, TPredictor}.Restore"/>
    /// <exception cref="UnsupportedOperatorException">The operator lacks what the method needs.</exception>
    /// <exception cref="UnsupportedModelException">The model is of another kind than the method needs.</exception>
    public abstract Restoration RestoreAny(
        IMeasurement<ForwardOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default);

    /// <summary>One clause for each setting that is out of range: name, expected, found.</summary>
    protected virtual IEnumerable<string> Problems() => [];

    /// <summary>The clause for a number that must lie in an interval, if it does not.</summary>
    protected static IEnumerable<string> Between(string name, double value, double low, double high) =>
        value >= low && value <= high ? [] : [FormattableString.Invariant($"{name} is {value}, expected {low} to {high}")];
}

/// <summary>A restoration method that works with a prior of images, for operators of one rung and above.</summary>
/// <typeparam name="TOperator">The rung that the method needs.</typeparam>
public abstract record Solver<TOperator> : Solver<TOperator, Denoiser>
    where TOperator : ForwardOperator
{
    /// <inheritdoc/>
    public override string NeedsOfModel => "a prior";
}

/// <summary>A restoration method for operators of one rung and above, and for models of one kind.</summary>
/// <typeparam name="TOperator">The rung that the method needs.</typeparam>
/// <typeparam name="TPredictor">The kind of model that the method needs; <see cref="ImagePredictor"/> where it uses none.</typeparam>
public abstract record Solver<TOperator, TPredictor> : Solver
    where TOperator : ForwardOperator
    where TPredictor : ImagePredictor
{
    /// <inheritdoc/>
    public override string Needs =>
        typeof(TOperator) == typeof(ForwardOperator) ? "any operator"
        : typeof(TOperator) == typeof(LinearOperator) ? "a linear operator"
        : typeof(TOperator) == typeof(SpectralOperator) ? "an operator with singular values"
        : $"an operator of type {typeof(TOperator).Name}";

    /// <inheritdoc/>
    public sealed override bool Accepts(ForwardOperator h) => h is TOperator operation && Fits(operation);

    /// <inheritdoc/>
    public override string NeedsOfModel => "any model";

    /// <inheritdoc/>
    public override bool Accepts(ImagePredictor predictor) => predictor is TPredictor;

    /// <inheritdoc/>
    public sealed override bool AcceptsPriors => typeof(TPredictor).IsAssignableFrom(typeof(Denoiser));

    /// <summary>Restores a measurement. Denoisers are watched: a run that diverges ends at the next evaluation.</summary>
    /// <param name="measurement"><c>(y, H, sigma)</c>.</param>
    /// <param name="predictor">The prior, or another model that the method needs.</param>
    /// <param name="noise">Every random draw, one stream an image.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="SolverOptionsException">Settings are out of range.</exception>
    /// <exception cref="ArgumentException">The model is for images of another number of channels than the operator.</exception>
    /// <exception cref="UnsupportedOperatorException">The operator lacks what the method needs beyond its type.</exception>
    /// <exception cref="DivergenceException">The run diverged.</exception>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public Restoration Restore(
        IMeasurement<TOperator> measurement, TPredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default)
    {
        Validate();
        if (!Fits(measurement.Operator)) throw new UnsupportedOperatorException(this, measurement.Operator);
        if (predictor.Channels is { } channels && channels != measurement.Operator.InputShape.Channels)
            throw new ArgumentException($"the model is for images of {channels} channels, operator '{measurement.Operator.Name}' is for {measurement.Operator.InputShape.Channels}");
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var watch = new DivergenceWatch(this);
        var result = Run(measurement, watch.Over(predictor), noise, progress, cancellation);
        // A baseline's result is what it is, however large.
        if (Reports > 0) watch.CheckResult(result.Estimate);
        scope.Keep(result.Estimate);
        if (result.Components is { } components)
        {
            scope.Keep(components.Mean);
            scope.Keep(components.Directions);
        }
        return result with { NoiseIgnored = !HandlesNoise && measurement.Sigma > 0 };
    }

    /// <inheritdoc/>
    public sealed override Restoration RestoreAny(
        IMeasurement<ForwardOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress = null, CancellationToken cancellation = default) =>
        measurement.Operator is not TOperator h ? throw new UnsupportedOperatorException(this, measurement.Operator)
            : predictor is not TPredictor model || !Accepts(predictor) ? throw new UnsupportedModelException(this, predictor)
            : Restore(measurement as IMeasurement<TOperator> ?? new Measurement<TOperator>(measurement.Data, h, measurement.Sigma), model, noise, progress, cancellation);

    /// <summary>Whether an operator of the right type has all else that the method needs.</summary>
    protected virtual bool Fits(TOperator h) => true;

    /// <summary>The method itself, called with settings in range, inside a scope and without recording for differentiation.</summary>
    /// <inheritdoc cref="Restore"/>
    protected abstract Restoration Run(
        IMeasurement<TOperator> measurement, TPredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation);
}
