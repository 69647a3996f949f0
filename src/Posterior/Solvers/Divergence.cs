using System.Globalization;
using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>A run left the range of images: the state, or an estimate, is not finite or far larger than its noise level allows. The message is one line with a suggestion.</summary>
public sealed class DivergenceException : Exception
{
    internal DivergenceException(Solver solver, int step, double sigma, string what, double size)
        : base(string.Create(
            CultureInfo.InvariantCulture,
            $"solver '{solver.Name}' diverged at evaluation {step + 1} of {Math.Max(step + 1, solver.Evaluations)} (noise level {sigma:g3}): {what} {(double.IsFinite(size) ? $"has the size {size:g3}, where images have at most 1" : "is not finite")}; {solver.Remedy}")) =>
        (Solver, Step, Sigma) = (solver, step, sigma);

    /// <summary>The solver.</summary>
    public Solver Solver { get; }

    /// <summary>The evaluation of the prior at which it was seen, from 0.</summary>
    public int Step { get; }

    /// <summary>The noise level of that evaluation, for images in [-1, 1].</summary>
    public double Sigma { get; }
}

/// <summary>
/// Looks at everything that a solver gives to its model and gets from it, so that a diverging run of any solver ends at the next evaluation. Two norms an evaluation,
/// which is far below the cost of a network.
/// </summary>
/// <param name="solver">The solver.</param>
internal sealed class DivergenceWatch(Solver solver)
{
    // The root mean square of x0 + sigma n is at most sqrt(1 + sigma^2). Pseudo-inverses and noisy projections may exceed it by the inverse of the least
    // singular value that operators keep, some tens; diverging runs grow by orders of magnitude in a few steps.
    private const double Tolerance = 100;

    private int _evaluations;

    /// <summary>The model, watched where it is a denoiser or becomes one.</summary>
    public TPredictor Over<TPredictor>(TPredictor predictor)
        where TPredictor : ImagePredictor => predictor switch
        {
            Denoiser denoiser when typeof(TPredictor).IsAssignableFrom(typeof(DivergenceGuard)) => (TPredictor)(ImagePredictor)new DivergenceGuard(this, denoiser),
            ConditionalDenoiser conditional when typeof(TPredictor).IsAssignableFrom(typeof(ConditionalGuard)) => (TPredictor)(ImagePredictor)new ConditionalGuard(this, conditional),
            DegradationReverser reverser when typeof(TPredictor).IsAssignableFrom(typeof(ReverserGuard)) => (TPredictor)(ImagePredictor)new ReverserGuard(this, reverser),
            BlendReverser reverser when typeof(TPredictor).IsAssignableFrom(typeof(BlendGuard)) => (TPredictor)(ImagePredictor)new BlendGuard(this, reverser),
            _ => predictor,
        };

    /// <summary>Checks the result of a run.</summary>
    public void CheckResult(Tensor result) => Check(result, 0, "the result", 0, Math.Max(0, _evaluations - 1));

    /// <summary>Checks what a denoiser is given.</summary>
    public void CheckState(Tensor x, double sigma) => Check(x, sigma, "the state", sigma);

    /// <summary>Checks what a denoiser gave, and counts the evaluation.</summary>
    public void CheckEstimate(Tensor estimate, double sigma)
    {
        Check(estimate, 0, "the estimate", sigma);
        _evaluations++;
    }

    private void Check(Tensor values, double spread, string what, double sigma, int? step = null)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var size = values.Norm().Item() / Math.Sqrt(Math.Max(1, values.Count));
        // Written so that NaN fails.
        if (!(size <= Tolerance * Math.Sqrt(1 + spread * spread))) throw new DivergenceException(solver, step ?? _evaluations, sigma, what, size);
    }
}

/// <summary>A denoiser under watch.</summary>
/// <param name="watch">Who watches.</param>
/// <param name="prior">The denoiser.</param>
internal sealed class DivergenceGuard(DivergenceWatch watch, Denoiser prior) : Denoiser
{
    /// <summary>The prior that is guarded.</summary>
    public Denoiser Prior => prior;

    public override long? Channels => prior.Channels;

    public override (double Min, double Max) SigmaRange => prior.SigmaRange;

    public override NoiseSchedule Schedule => prior.Schedule;

    public override Tensor Denoise(Tensor x, double sigma)
    {
        watch.CheckState(x, sigma);
        var estimate = prior.Denoise(x, sigma);
        watch.CheckEstimate(estimate, sigma);
        return estimate;
    }

    public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma)
    {
        watch.CheckState(x, sigma);
        var result = prior.DenoiseWithVariance(x, sigma);
        watch.CheckEstimate(result.Estimate, sigma);
        return result;
    }
}

/// <summary>A conditional denoiser whose denoisers are under watch.</summary>
/// <param name="watch">Who watches.</param>
/// <param name="conditional">The conditional denoiser.</param>
internal sealed class ConditionalGuard(DivergenceWatch watch, ConditionalDenoiser conditional) : ConditionalDenoiser
{
    public override long? Channels => conditional.Channels;

    public override (double Min, double Max) SigmaRange => conditional.SigmaRange;

    public override bool SeesOperator => conditional.SeesOperator;

    public override int Classes => conditional.Classes;

    public override string? Warning(ForwardOperator h, double sigma) => conditional.Warning(h, sigma);

    public override ConditionalDenoiser WithClass(long label, double guidance = 1) => new ConditionalGuard(watch, conditional.WithClass(label, guidance));

    public override Denoiser Given(Tensor y, LinearOperator h, double sigma) => new DivergenceGuard(watch, conditional.Given(y, h, sigma));
}

/// <summary>A reverser of a degradation under watch.</summary>
/// <param name="watch">Who watches.</param>
/// <param name="reverser">The reverser.</param>
internal sealed class ReverserGuard(DivergenceWatch watch, DegradationReverser reverser) : DegradationReverser
{
    public override long? Channels => reverser.Channels;

    public override SeverityProcess Process => reverser.Process;

    public override GeometricNoise Noise => reverser.Noise;

    public override StoppingPoints? Stops => reverser.Stops;

    public override Tensor Predict(Tensor y, double time)
    {
        watch.CheckState(y, Noise.Sigma(time));
        var estimate = reverser.Predict(y, time);
        watch.CheckEstimate(estimate, Noise.Sigma(time));
        return estimate;
    }
}

/// <summary>A reverser of a blend under watch.</summary>
/// <param name="watch">Who watches.</param>
/// <param name="reverser">The reverser.</param>
internal sealed class BlendGuard(DivergenceWatch watch, BlendReverser reverser) : BlendReverser
{
    public override long? Channels => reverser.Channels;

    public override OperatorSpec? Degradation => reverser.Degradation;

    public override double Epsilon => reverser.Epsilon;

    public override Tensor Predict(Tensor x, double time)
    {
        watch.CheckState(x, time);
        var estimate = reverser.Predict(x, time);
        watch.CheckEstimate(estimate, time);
        return estimate;
    }
}
