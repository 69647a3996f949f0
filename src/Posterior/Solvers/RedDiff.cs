using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>How RED-diff weights the prior at a noise level: a function of sigma, the inverse of the signal-to-noise ratio.</summary>
public enum RedDiffWeighting
{
    /// <summary>sigma: the paper's.</summary>
    Linear,

    /// <summary>The square root of sigma.</summary>
    SquareRoot,

    /// <summary>sigma^2.</summary>
    Square,

    /// <summary>ln(1 + sigma).</summary>
    Logarithm,

    /// <summary>sigma, at most 1.</summary>
    Truncated,

    /// <summary>sigma^(2/3).</summary>
    TwoThirds,

    /// <summary>1.</summary>
    Constant,
}

/// <summary>
/// Regularisation by denoising diffusion (Mardani, Song, Kautz, Vahdat 2024, Alg. 1): one image is optimised by Adam so that it explains the measurement and so that
/// the prior finds in it, at falling noise levels, the noise that was put there. The denoiser is not differentiated.
/// </summary>
/// <remarks>
/// As in the authors' code the result is the image from before the last step of the optimiser, and both losses are means, so their balance depends on the numbers of
/// pixels and of measurements. The means are over one image: where the code takes them over a batch, its images are tied together by the optimiser's epsilon.
/// </remarks>
public sealed record RedDiff() : ScheduledSolver<LinearOperator>(100)
{
    /// <summary>Its line in the catalogue.</summary>
    public static SolverEntry Entry { get; } = SolverEntry.Of(new RedDiff(), "optimises one image; no derivative of the network", "Mardani et al. 2024, arXiv:2305.04391")
        .Whole("steps", s => s.Steps, (s, v) => s with { Steps = v })
        .Number("learning-rate", s => s.LearningRate, (s, v) => s with { LearningRate = v })
        .Number("prior-weight", s => s.PriorWeight, (s, v) => s with { PriorWeight = v })
        .Number("data-weight", s => s.DataWeight, (s, v) => s with { DataWeight = v })
        .Choice("weighting", s => s.Weighting, (s, v) => s with { Weighting = v })
        .Schedule("process", s => s.Schedule, (s, v) => s with { Schedule = v });

    private const double FirstDecay = 0.9, SecondDecay = 0.99;

    /// <inheritdoc/>
    public override string Name => "red-diff";

    /// <inheritdoc/>
    public override bool HandlesNoise => true;

    /// <summary>Adam's step size.</summary>
    public double LearningRate { get; init; } = 0.1;

    /// <summary>Adam's epsilon, on the scale of the gradients of one image. Gradients of a mean over N images are N times smaller: the code's 1e-8 is then N 1e-8 here.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight of the prior, lambda.</summary>
    public double PriorWeight { get; init; } = 0.25;

    /// <summary>The weight of the measurement.</summary>
    public double DataWeight { get; init; } = 1;

    /// <summary>How the prior's weight depends on the noise level.</summary>
    public RedDiffWeighting Weighting { get; init; } = RedDiffWeighting.Linear;

    /// <summary>The width of the variational distribution: noise on the image of each step, and on the result.</summary>
    public double Width { get; init; }

    /// <inheritdoc/>
    public override string Remedy => "lower learning-rate";

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. base.Problems(), .. Between("learning-rate", LearningRate, 0, 1000), .. Between("prior-weight", PriorWeight, 0, 1e6),
        .. Between("epsilon", Epsilon, 0, 1), .. Between("data-weight", DataWeight, 0, 1e6), .. Between("width", Width, 0, 10),
    ];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, Denoiser prior, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var levels = LevelsFor(prior).Levels;
        var count = levels.Length - 1;
        var (pixels, measurements) = ((double)h.InputShape.Channels * h.InputShape.Height * h.InputShape.Width, Measurements(h));
        // A copy: where H^+ is the identity it may be the measurement itself.
        var mean = h.PseudoInverse(y).Clone();
        var (first, second, sample) = (mean.ZerosLike(), mean.ZerosLike(), mean.EmptyLike());
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var sigma = levels[i];
            sample.CopyFrom(mean.AddScaled(noise.NormalLike(mean), Width));
            var n = noise.NormalLike(mean);
            var x = sample.AddScaled(n, sigma);
            var estimate = prior.Denoise(x, sigma);
            progress?.Report(new(i, count, sigma, estimate));
            var predicted = (x - estimate) * (1 / sigma);
            var gradient = (predicted - n) * (PriorWeight * Weight(sigma) / pixels);
            gradient.AddInPlace(h.Adjoint(y - h.Apply(sample)), -DataWeight / measurements);
            // Adam (Kingma, Ba 2015, Alg. 1).
            first.LerpInPlace(gradient, 1 - FirstDecay);
            second.LerpInPlace(gradient.Square(), 1 - SecondDecay);
            var scale = (second * (1 / (1 - Math.Pow(SecondDecay, i + 1)))).SqrtInPlace().AddInPlace(Epsilon);
            mean.AddQuotientInPlace(first, scale, -LearningRate / (1 - Math.Pow(FirstDecay, i + 1)));
        }
        return new(sample, count);
    }

    private double Weight(double sigma) => Weighting switch
    {
        RedDiffWeighting.Linear => sigma,
        RedDiffWeighting.SquareRoot => Math.Sqrt(sigma),
        RedDiffWeighting.Square => sigma * sigma,
        RedDiffWeighting.Logarithm => Math.Log(1 + sigma),
        RedDiffWeighting.Truncated => Math.Min(sigma, 1),
        RedDiffWeighting.TwoThirds => Math.Pow(sigma, 2 / 3.0),
        _ => 1,
    };

    // Of an image with missing pixels only the known ones are measurements.
    private static double Measurements(LinearOperator h)
    {
        using var scope = new Scope();
        if (h is Inpainting inpainting) return Math.Max(1, inpainting.Mask.Expand([1, .. h.OutputShape]).Sum().Item());
        return h.OutputShape.Aggregate(1.0, (product, size) => product * size);
    }
}
