using Posterior.Diffusion;
using Posterior.Evaluation.Benchmarks;
using Posterior.Imaging;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>What one evaluation of a prior costs on this machine, measured on noise.</summary>
/// <param name="Seconds">Its time.</param>
/// <param name="Bytes">The memory of tensors at its peak above what there was before; null where it is not counted.</param>
internal sealed record EvaluationProbe(double Seconds, long? Bytes)
{
    // A first evaluation packs weights and fills caches: one that is short is done again.
    private const double Short = 3;

    /// <summary>Measures.</summary>
    /// <param name="prior">The prior.</param>
    /// <param name="shape">The shape of its input.</param>
    /// <param name="device">Where it works.</param>
    /// <param name="differentiate">Whether it is differentiated too.</param>
    public static EvaluationProbe Measure(Denoiser prior, ImageShape shape, Device device, bool differentiate)
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal(shape.Batch(1)).To(device);
        var sigma = Math.Clamp(1, prior.SigmaRange.Min, prior.SigmaRange.Max);
        TorchRuntime.ReleaseMemory();
        var before = TorchRuntime.Memory;
        var seconds = Timing.Seconds(Evaluate);
        if (seconds < Short) seconds = Math.Min(seconds, Timing.Seconds(Evaluate));
        var after = TorchRuntime.Memory;
        return new(seconds, before.Used < 0 || device.Kind != DeviceKind.Cpu ? null : after.Peak - before.Used);

        void Evaluate()
        {
            using var inner = new Scope();
            // Reading a number waits for devices that work on their own.
            _ = (differentiate ? DenoiserGradient.PullBack(prior, x, sigma, clip: false, estimate => estimate).Gradient : prior.Denoise(x, sigma)).Mean().Item();
        }
    }
}
