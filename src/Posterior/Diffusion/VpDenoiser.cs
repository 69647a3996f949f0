using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// A network of a discrete variance-preserving process (DDPM, ADM) as a <see cref="Denoiser"/>. The state x at sigma is
/// <c>x / sqrt(1 + sigma^2)</c> of the process, at the timestep whose <c>sqrt((1 - abar) / abar)</c> is sigma (DDRM App. B).
/// </summary>
public sealed class VpDenoiser : NetworkDenoiser
{
    private readonly SigmaTable _table;
    private readonly IReadOnlyList<double> _sigmas;
    private readonly Prediction _prediction;

    /// <summary>Adapts a network, which stays the caller's.</summary>
    /// <param name="network">Its output is a prediction, then perhaps learned variances, which are left out.</param>
    /// <param name="sigmas"><c>sqrt((1 - abar_t) / abar_t)</c> for t = 0, 1, ..., T - 1: the table of the training schedule.</param>
    /// <param name="prediction">What the network gives.</param>
    /// <param name="labels">One class, or one for each image; null for none.</param>
    /// <exception cref="ArgumentException">The table does not ascend, or a label does not exist.</exception>
    public VpDenoiser(INoiseConditioned network, IReadOnlyList<double> sigmas, Prediction prediction = Prediction.Epsilon, long[]? labels = null)
        : this(network, sigmas, null, prediction, labels)
    {
    }

    /// <summary>Adapts a network, which stays the caller's.</summary>
    /// <param name="network">Its output is a prediction, then perhaps learned variances, which are left out.</param>
    /// <param name="process">The process of its training.</param>
    /// <param name="prediction">What the network gives.</param>
    /// <exception cref="ArgumentException">The noise does not grow at each step of the process.</exception>
    public VpDenoiser(INoiseConditioned network, VpSchedule process, Prediction prediction = Prediction.Epsilon)
        : this(network, process.Sigmas, process, prediction, null)
    {
    }

    private VpDenoiser(INoiseConditioned network, IReadOnlyList<double> sigmas, NoiseSchedule? schedule, Prediction prediction, long[]? labels)
        : base(network, labels)
    {
        (_table, _sigmas, _prediction) = (new SigmaTable(sigmas), sigmas, prediction);
        Schedule = schedule ?? Process(sigmas);
    }

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => _table.Range;

    /// <inheritdoc/>
    public override NoiseSchedule Schedule { get; }

    /// <inheritdoc/>
    public override Denoiser WithLabels(params long[] labels) => new VpDenoiser(Network, _sigmas, Schedule, _prediction, labels ?? throw new ArgumentNullException(nameof(labels)));

    /// <summary>The timestep of a noise level: an integer on the table, linear in ln sigma between.</summary>
    public double Time(double sigma) => _table.Time(sigma);

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        return scope.Keep(Estimate(x, sigma, Evaluate(x * Shrink(sigma), _table.Time(sigma))));
    }

    /// <inheritdoc/>
    public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma)
    {
        using var scope = new Scope();
        var output = EvaluateAll(x * Shrink(sigma), _table.Time(sigma));
        var channels = x.Size(1);
        if (output.Size(1) != 2 * channels) throw new InvalidOperationException($"the network has learned no variance: it gives {output.Size(1)} channels for {channels}");
        // The network's output runs from -1 to 1.
        return (scope.Keep(Estimate(x, sigma, output.Narrow(1, 0, channels))), scope.Keep((output.Narrow(1, channels, channels) + 1) * 0.5));
    }

    // beta_t = 1 - abar_t / abar_(t-1) with abar = 1 / (1 + sigma^2).
    private static VpSchedule Process(IReadOnlyList<double> sigmas) =>
        VpSchedule.OfBetas([.. sigmas.Select((sigma, t) => 1 - (1 + (t == 0 ? 0 : sigmas[t - 1] * sigmas[t - 1])) / (1 + sigma * sigma))]);

    private static double Shrink(double sigma) => 1 / Math.Sqrt(1 + sigma * sigma);

    private Tensor Estimate(Tensor x, double sigma, Tensor output) => _prediction switch
    {
        Prediction.Epsilon => x.AddScaled(output, -sigma),
        Prediction.Sample => output,

        // x0 = sqrt(abar) x_vp - sqrt(1 - abar) v with abar = 1 / (1 + sigma^2) and x_vp = sqrt(abar) x.
        Prediction.Velocity => (x * (Shrink(sigma) * Shrink(sigma))).AddScaled(output, -sigma * Shrink(sigma)),
        _ => throw new InvalidOperationException($"unknown prediction {_prediction}"),
    };
}
