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
internal sealed record ComparisonResult(IReadOnlyList<ImageComparison> Images, double MeanPsnr, double? MeanSsim);

/// <summary>What <c>rerun --json</c> prints.</summary>
internal sealed record RerunResult(string Receipt, IReadOnlyList<RerunDifference> Outputs, bool Identical);

/// <summary>The largest difference of a value between an output and the one made again, for images in [0, 1].</summary>
internal sealed record RerunDifference(string Path, double LargestDifference);

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
[JsonSerializable(typeof(DemoResult))]
[JsonSerializable(typeof(ModelContents))]
[JsonSerializable(typeof(IReadOnlyList<MachineFact>))]
[JsonSerializable(typeof(BenchmarkRow[]))]
[JsonSerializable(typeof(LayerBreakdown[]))]
[JsonSerializable(typeof(ResultTable[]))]
[JsonSerializable(typeof(VerificationReport))]
[JsonSerializable(typeof(RestorationPlan))]
internal sealed partial class ResultJson : JsonSerializerContext;
