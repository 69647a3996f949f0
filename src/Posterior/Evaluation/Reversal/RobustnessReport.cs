using System.Text.Json;

namespace Posterior.Evaluation.Reversal;

/// <summary>What a change of the measurement does to a model's restorations, means over images.</summary>
public sealed record RobustnessReport
{
    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>The number of images.</summary>
    public required int Images { get; init; }

    /// <summary>The solver.</summary>
    public required string Solver { get; init; }

    /// <summary>The metric of perception.</summary>
    public required string Perception { get; init; }

    /// <summary>The noise level of the training, for images in [0, 1].</summary>
    public required double Sigma { get; init; }

    /// <summary>Blurs of other widths, at the noise level of the training; empty for a degradation that is no blur.</summary>
    public required IReadOnlyList<RobustnessPoint> Widths { get; init; }

    /// <summary>Other noise levels.</summary>
    public required IReadOnlyList<RobustnessPoint> Noise { get; init; }

    /// <summary>The report as text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ReversalJson.Default.RobustnessReport);
}

/// <summary>One perturbed measurement.</summary>
/// <param name="Value">The factor of the blur's width, or the noise level for images in [0, 1].</param>
/// <param name="Psnr">In dB.</param>
/// <param name="Ssim">Wang et al. 2004.</param>
/// <param name="Perception">The metric of perception.</param>
public sealed record RobustnessPoint(double Value, double Psnr, double Ssim, double Perception);
