using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>Draws images from a prior alone. Its properties are the method's settings; every state is variance exploding.</summary>
public abstract record Sampler
{
    /// <summary>The number of steps.</summary>
    public int Steps { get; init; } = 18;

    /// <summary>The noise levels; null takes Karras et al.'s between 0.002 and 80, as far as the prior reaches.</summary>
    public NoiseSchedule? Schedule { get; init; }

    /// <summary>How often the prior is evaluated, if its range leaves all noise levels in place.</summary>
    public virtual int Evaluations => StepCount;

    /// <summary>How many steps there are: <see cref="Steps"/>, but for schedules that cannot be divided so.</summary>
    public int StepCount => (Schedule ?? DefaultSchedule).Levels(Steps).Length - 1;

    /// <summary>Draws images.</summary>
    /// <param name="prior">The prior.</param>
    /// <param name="batch">How many.</param>
    /// <param name="image">Their shape.</param>
    /// <param name="noise">Every random draw.</param>
    /// <param name="dtype">The type of the state.</param>
    /// <param name="device">Where the state lives.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <returns><c>[batch, C, H, W]</c>, in [-1, 1] up to overshoot (not clamped).</returns>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    public Tensor Sample(
        Denoiser prior,
        long batch,
        ImageShape image,
        NoiseSource noise,
        DType dtype = DType.Float32,
        Device device = default,
        IProgress<SamplerStep>? progress = null,
        CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var schedule = Schedule ?? DefaultSchedule;
        var levels = schedule.Levels(Steps, prior.SigmaRange);
        var x = noise.Normal(image.Batch(batch), dtype, device) * schedule.InitialScale(levels[0]);
        var step = Begin(prior, noise, x, levels);
        for (var i = 0; i < levels.Length - 1; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var inner = new Scope();
            var (next, estimate) = step(x, i);
            progress?.Report(new(i, levels.Length - 1, levels[i], estimate));
            inner.Replace(ref x, next);
        }
        return scope.Keep(x);
    }

    /// <summary>The schedule where none was given.</summary>
    protected virtual NoiseSchedule DefaultSchedule => new KarrasSchedule();

    /// <summary>Prepares a run; tensors made here live as long as the run.</summary>
    /// <param name="prior">The prior.</param>
    /// <param name="noise">Every random draw.</param>
    /// <param name="x">The first state.</param>
    /// <param name="levels">The noise levels, 0 at the end.</param>
    /// <returns>The step from level i to level i + 1: the next state and the estimate of the clean image.</returns>
    protected abstract Func<Tensor, int, (Tensor Next, Tensor Estimate)> Begin(Denoiser prior, NoiseSource noise, Tensor x, double[] levels);
}

/// <summary>A report of a sampler's loop.</summary>
/// <param name="Index">The step, from 0.</param>
/// <param name="Count">The number of steps.</param>
/// <param name="Sigma">The noise level of the state.</param>
/// <param name="Estimate">The current estimate of the clean image; valid during the call only.</param>
public readonly record struct SamplerStep(int Index, int Count, double Sigma, Tensor Estimate);
