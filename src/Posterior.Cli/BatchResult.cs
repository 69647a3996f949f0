using System.Text.Json.Serialization;
using Posterior.Evaluation;
using Posterior.Evaluation.Benchmarks;
using Posterior.Evaluation.Experiments;
using Posterior.Evaluation.Verification;
using Posterior.Models;

namespace Posterior.Cli;

/// <summary>What a verb over files did, as <c>--json</c> prints it.</summary>
/// <param name="Results">The receipts of this run.</param>
/// <param name="Skipped">Outputs that were finished before.</param>
/// <param name="Failures">What failed.</param>
internal sealed record BatchResult(IReadOnlyList<Receipt> Results, IReadOnlyList<string> Skipped, IReadOnlyList<BatchFailure> Failures);

/// <summary>A file that failed.</summary>
internal sealed record BatchFailure(string Input, string Message);

/// <summary>What <c>compare --json</c> prints.</summary>
/// <param name="Images">The images that were compared.</param>
/// <param name="MeanPsnr">Over those; null for none.</param>
/// <param name="MeanSsim">Over those that are large enough; null for none.</param>
/// <param name="Failures">What could not be compared.</param>
internal sealed record ComparisonResult(IReadOnlyList<ImageComparison> Images, double? MeanPsnr, double? MeanSsim, IReadOnlyList<BatchFailure> Failures);

/// <summary>What <c>rerun --json</c> prints.</summary>
internal sealed record RerunResult(string Receipt, IReadOnlyList<RerunOutput> Outputs, bool Identical);

/// <summary>What <c>train --json</c> prints at the end of the training.</summary>
/// <param name="Model">The weight file.</param>
/// <param name="Card">Its card.</param>
/// <param name="Parameters">The number of trained numbers.</param>
/// <param name="ImagesSeen">Crops seen in all.</param>
/// <param name="Quality">What the quality is, with its unit.</param>
/// <param name="HeldOutQuality">Its value; null where the images were too few to hold some out.</param>
/// <param name="Seconds">The time of the training.</param>
internal sealed record TrainingResult(string Model, string Card, long? Parameters, long ImagesSeen, string Quality, double? HeldOutQuality, double Seconds);

/// <summary>What <c>demo --json</c> prints.</summary>
internal sealed record DemoResult(IReadOnlyList<DemoRow> Rows, IReadOnlyList<string> Pictures);

/// <summary>What <c>info --json</c> prints.</summary>
internal sealed record ModelContents(string File, string Format, string Sha256, int Tensors, long Numbers)
{
    public string? Network { get; init; }

    public string? Prefix { get; init; }

    public ModelCard? Card { get; init; }

    public IReadOnlyList<DenoisingCurvePoint>? Curve { get; init; }

    public string? Problem { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(BatchResult))]
[JsonSerializable(typeof(ComparisonResult))]
[JsonSerializable(typeof(RerunResult))]
[JsonSerializable(typeof(TrainingResult))]
[JsonSerializable(typeof(ExperimentPlan))]
[JsonSerializable(typeof(NamedSetting[]))]
[JsonSerializable(typeof(DemoResult))]
[JsonSerializable(typeof(ModelContents))]
[JsonSerializable(typeof(IReadOnlyList<MachineFact>))]
[JsonSerializable(typeof(BenchmarkRow[]))]
[JsonSerializable(typeof(LayerBreakdown[]))]
[JsonSerializable(typeof(ResultTable[]))]
[JsonSerializable(typeof(VerificationReport))]
[JsonSerializable(typeof(RestorationPlan))]
internal sealed partial class ResultJson : JsonSerializerContext;
