using Posterior.Diffusion;

namespace Posterior.Solvers;

/// <summary>The steps of a sampler, reported as those of the solver that runs it.</summary>
internal static class SamplerSteps
{
    /// <summary>What a sampler reports to; null where nobody listens.</summary>
    public static IProgress<SamplerStep>? Of(IProgress<SolverStep>? progress) =>
        progress is null ? null : new Reporter<SamplerStep>(step => progress.Report(new(step.Index, step.Count, step.Sigma, step.Estimate)));
}
