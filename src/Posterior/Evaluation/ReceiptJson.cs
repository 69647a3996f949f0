using System.Text.Json.Serialization;
using Posterior.Evaluation.Calibration;
using Posterior.Diffusion;
using Posterior.Solvers;

namespace Posterior.Evaluation;

/// <summary>How receipts are written: snake case, generated code instead of reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(Receipt))]
[JsonSerializable(typeof(RestorationSettings))]
[JsonSerializable(typeof(DegradationSettings))]
[JsonSerializable(typeof(SamplingSettings))]
[JsonSerializable(typeof(SolverSettings))]
[JsonSerializable(typeof(CalibrationSettings))]
[JsonSerializable(typeof(SamplerSettings))]
public sealed partial class ReceiptJson : JsonSerializerContext;
