namespace Posterior.Evaluation;

/// <summary>Everything that decides which images are drawn from a prior: plain data, as a receipt holds it.</summary>
public sealed record SamplingSettings
{
    /// <summary>The prior.</summary>
    public PriorSettings Prior { get; init; } = new();

    /// <summary>A name of <see cref="Diffusion.SamplerCatalog"/>.</summary>
    public string Sampler { get; init; } = "heun";

    /// <summary>The number of steps.</summary>
    public int Steps { get; init; } = 18;

    /// <summary>The number of images.</summary>
    public int Count { get; init; } = 16;

    /// <summary>The size of an image; null for the model's.</summary>
    public ImageSize? Size { get; init; }

    /// <summary>The strength of the class with a class-conditional model: 1 follows the model, above 1 exaggerates (classifier-free guidance).</summary>
    public double Guidance { get; init; } = 1;

    /// <summary>The seed that the seeds of images are derived from.</summary>
    public ulong Seed { get; init; }
}
