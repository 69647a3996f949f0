using Posterior.Solvers;

namespace Posterior.Evaluation.Calibration;

/// <summary>Everything that decides what a calibration measures: plain data, as a receipt holds it.</summary>
public sealed record CalibrationSettings
{
    /// <summary>The originals: a folder, a <c>.zip</c> archive, a glob or one image.</summary>
    public required string Data { get; init; }

    /// <summary>The operator's text form.</summary>
    public required string Operator { get; init; }

    /// <summary>The noise level for images in [0, 1].</summary>
    public double Sigma { get; init; }

    /// <summary>The solver's name.</summary>
    public string Solver { get; init; } = "ddrm";

    /// <summary>The solver's settings.</summary>
    public SolverSettings SolverSettings { get; init; } = new();

    /// <summary>The prior.</summary>
    public PriorSettings Prior { get; init; } = new();

    /// <summary>How many originals, evenly spread over the data; fewer when there are fewer.</summary>
    public int Images { get; init; } = 20;

    /// <summary>How many samples are drawn for each, K.</summary>
    public int Samples { get; init; } = 19;

    /// <summary>Originals are first reduced by this factor with a box filter.</summary>
    public int Shrink { get; init; } = 1;

    /// <summary>The size of the centre that is used; null for the whole image.</summary>
    public ImageSize? Size { get; init; }

    /// <summary>The seed that all noise is derived from.</summary>
    public ulong Seed { get; init; }
}
