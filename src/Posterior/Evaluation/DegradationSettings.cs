namespace Posterior.Evaluation;

/// <summary>Everything that decides what a degradation gives, besides the image: plain data, as a receipt holds it.</summary>
public sealed record DegradationSettings
{
    /// <summary>The operator's text form.</summary>
    public required string Operator { get; init; }

    /// <summary>The noise level for images in [0, 1].</summary>
    public double Sigma { get; init; }

    /// <summary>The seed that the seeds of images are derived from.</summary>
    public ulong Seed { get; init; }

    /// <summary>Bits of a sample in the output, 8, 16 or 32; null for the most that the format has.</summary>
    public int? Bits { get; init; }
}
