using Posterior.Diffusion;

namespace Posterior.Solvers;

/// <summary>The steps of a sampler, reported as those of the solver that runs it.</summary>
internal sealed class SamplerSteps : IProgress<SamplerStep>
{
    private readonly IProgress<SolverStep> _progress;

    private SamplerSteps(IProgress<SolverStep> progress) => _progress = progress;

    /// <summary>What a sampler reports to; null where nobody listens.</summary>
    public static SamplerSteps? Of(IProgress<SolverStep>? progress) => progress is null ? null : new(progress);

    /// <inheritdoc/>
    public void Report(SamplerStep step) => _progress.Report(new(step.Index, step.Count, step.Sigma, step.Estimate));
}
