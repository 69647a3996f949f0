using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>
/// Inversion by direct iteration (Delbracio, Milanfar 2023): from the measurement, small steps towards the posterior mean of a model of blends,
/// <c>x_(t-d) = (d / t) x^0 + (1 - d / t) x_t</c>. One step is the least distorted, many look best. A model that was trained with fresh noise gets it here too.
/// </summary>
public sealed record Indi : Solver<ForwardOperator, BlendReverser>
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new Indi(), "a model trained on blends of image and measurement; few steps for fidelity, many for detail", "Delbracio, Milanfar 2023, arXiv:2303.11435")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v });

    /// <inheritdoc/>
    public override string Name => "indi";

    /// <inheritdoc/>
    public override string Needs => "an operator whose measurement is as large as the image";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <inheritdoc/>
    public override string NeedsOfModel => "a model that reverses a blend";

    /// <inheritdoc/>
    public override int Evaluations => Steps;

    /// <summary>The number of steps, each one evaluation of the model; 20 as in Fabian et al. 2024, App. J.5.</summary>
    public int Steps { get; init; } = 20;

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() => Between("steps", Steps, 1, 10_000);

    /// <inheritdoc/>
    protected override bool Fits(ForwardOperator h) => h.OutputShape.Aggregate(1L, (count, size) => count * size) == h.InputShape.Count;

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<ForwardOperator> measurement, BlendReverser reverser, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var epsilon = reverser.Epsilon;
        var x = measurement.Data.Reshape(measurement.Operator.InputShape.Batch(measurement.Data.Size(0))).Clone();
        if (epsilon > 0) x.AddInPlace(noise.NormalLike(x), epsilon);
        for (var i = 0; i < Steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var (time, next) = (1 - i / (double)Steps, 1 - (i + 1) / (double)Steps);
            var estimate = reverser.Predict(x, time);
            progress?.Report(new(i, Steps, time * measurement.Sigma, estimate));
            var state = x.Lerp(estimate, 1 / (Steps * time));
            if (epsilon > 0)
            {
                // The last draw is multiplied by 0, but it is drawn. eps_t = epsilon / sqrt(t).
                var z = noise.NormalLike(x);
                if (next > 0) state.AddInPlace(z, next * epsilon * Math.Sqrt(1 / next - 1 / time));
            }
            step.Replace(ref x, state);
        }
        return new(x, Steps);
    }
}
