using System.Diagnostics;
using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>The least that a prior can do, a scaling of its input, and how long it took: what remains of a solver's time is its own.</summary>
internal sealed class TimedPrior : Denoiser
{
    /// <inheritdoc/>
    public override long? Channels => null;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

    /// <summary>The time of all evaluations.</summary>
    public double Seconds { get; private set; }

    /// <summary>The number of evaluations, of whole batches.</summary>
    public int Evaluations { get; private set; }

    /// <summary>Whether a solver asked for a derivative.</summary>
    public bool IsDifferentiated { get; private set; }

    /// <inheritdoc/>
    public override Tensor Denoise(Tensor x, double sigma)
    {
        var start = Stopwatch.GetTimestamp();
        IsDifferentiated |= x.RequiresGrad;
        var estimate = x * (1 / (1 + sigma * sigma));
        Seconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
        Evaluations++;
        return estimate;
    }
}
