using Posterior.Diffusion;

namespace Posterior.Evaluation;

/// <summary>Everything that decides which images are drawn from a prior: plain data, as a receipt holds it.</summary>
public sealed record SamplingSettings
{
    /// <summary>The prior, and what guides it.</summary>
    public PriorSettings Prior { get; init; } = new();

    /// <summary>A name of <see cref="SamplerCatalog"/>.</summary>
    public string Sampler { get; init; } = "heun";

    /// <summary>The sampler's settings.</summary>
    public SamplerSettings SamplerSettings { get; init; } = new();

    /// <summary>The number of images.</summary>
    public int Count { get; init; } = 16;

    /// <summary>The size of an image; null for the model's.</summary>
    public ImageSize? Size { get; init; }

    /// <summary>The seed that the seeds of images are derived from.</summary>
    public ulong Seed { get; init; }
}
