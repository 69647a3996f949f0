using System.Text.Json;
using System.Text.Json.Serialization;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Ddpm;
using Posterior.Networks.Denoisers;
using Posterior.Networks.Edm;
using Posterior.Networks.Edm2;
using Posterior.Networks.Features;
using Posterior.Networks.Hdit;
using Posterior.Networks.Swin;

namespace Posterior.Models;

/// <summary>How cards and settings are read and written: snake case, names of enumerations as text, generated code instead of reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ModelCard))]
[JsonSerializable(typeof(RestorerCard))]
[JsonSerializable(typeof(AdmUNetSettings))]
[JsonSerializable(typeof(AdmClassifierSettings))]
[JsonSerializable(typeof(DdpmUNetSettings))]
[JsonSerializable(typeof(SongUNetSettings))]
[JsonSerializable(typeof(DhariwalUNetSettings))]
[JsonSerializable(typeof(PhotoUNetSettings))]
[JsonSerializable(typeof(ReverserCard))]
[JsonSerializable(typeof(BlendCard))]
[JsonSerializable(typeof(Edm2Settings))]
[JsonSerializable(typeof(DnCnnSettings))]
[JsonSerializable(typeof(FDnCnnSettings))]
[JsonSerializable(typeof(IrCnnSettings))]
[JsonSerializable(typeof(IrCnnBankSettings))]
[JsonSerializable(typeof(DrUNetSettings))]
[JsonSerializable(typeof(SwinIrSettings))]
[JsonSerializable(typeof(HditSettings))]
[JsonSerializable(typeof(ResidualClassifierSettings))]
internal sealed partial class ModelJson : JsonSerializerContext;
