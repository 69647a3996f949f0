using System.Text.Json;
using System.Text.Json.Serialization;
using Posterior.Diffusion;

namespace Posterior.Evaluation.Reversal;

/// <summary>Distortion and perception of a model's estimates against time, means over images.</summary>
public sealed record TradeoffReport
{
    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>The number of images.</summary>
    public required int Images { get; init; }

    /// <summary>The time step.</summary>
    public required double Step { get; init; }

    /// <summary>The metric of perception.</summary>
    public required string Perception { get; init; }

    /// <summary>The estimates at falling times.</summary>
    public required IReadOnlyList<TradeoffPoint> Points { get; init; }

    /// <summary>The noise floor of the data consistency, for images in [0, 1].</summary>
    public required double NoiseVariance { get; init; }

    /// <summary>Where to stop.</summary>
    public required StoppingPoints Stops { get; init; }

    /// <summary>The report as text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ReversalJson.Default.TradeoffReport);
}

/// <summary>The estimates at one time.</summary>
/// <param name="Time">t.</param>
/// <param name="Psnr">In dB.</param>
/// <param name="Ssim">Wang et al. 2004.</param>
/// <param name="Perception">The metric of perception.</param>
/// <param name="Consistency"><c>|y - A_1 x^0|^2 / m</c>, for images in [0, 1].</param>
public sealed record TradeoffPoint(double Time, double Psnr, double Ssim, double Perception, double Consistency);

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

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(TradeoffReport))]
[JsonSerializable(typeof(RobustnessReport))]
internal sealed partial class ReversalJson : JsonSerializerContext;
