using System.Text.Json.Nodes;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Ddpm;
using Posterior.Networks.Denoisers;
using Posterior.Networks.Edm;
using Posterior.Networks.Edm2;
using Posterior.Networks.Features;
using Posterior.Networks.Hdit;
using Posterior.Networks.Swin;
using Posterior.Torch;

namespace Posterior.Tests.Models;

/// <summary>What a card or a configuration may claim of a network's sizes.</summary>
public sealed class AbsurdSettingsTests
{
    private const long Granted = 10_000_000;

    private static readonly Dictionary<string, JsonObject> _small = new()
    {
        ["adm-unet"] = Json(new AdmUNetSettings { ImageSize = 32, ModelChannels = 32, ChannelMult = [1, 2], AttentionResolutions = [2], NumResBlocks = 1 }),
        ["adm-classifier"] = Json(new AdmClassifierSettings { ImageSize = 32, ModelChannels = 32, ChannelMult = [1, 2], AttentionResolutions = [2], NumResBlocks = 1, OutChannels = 4 }),
        ["ddpm-unet"] = Json(new DdpmUNetSettings { ImageSize = 32, Ch = 32, ChMult = [1, 2], NumResBlocks = 1, AttnResolutions = [16] }),
        ["song-unet"] = Json(new SongUNetSettings { ImgResolution = 16, ModelChannels = 32, ChannelMult = [1, 2], NumBlocks = 1, AttnResolutions = [8] }),
        ["dhariwal-unet"] = Json(new DhariwalUNetSettings { ImgResolution = 16, ModelChannels = 32, ChannelMult = [1, 2], NumBlocks = 1, AttnResolutions = [8] }),
        ["photo-unet"] = Json(new PhotoUNetSettings { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16, Classes = 2 }),
        ["edm2"] = Json(new Edm2Settings { ImgResolution = 16, ModelChannels = 32, ChannelMult = [1, 2], NumBlocks = 1, AttnResolutions = [8] }),
        ["drunet"] = Json(new DrUNetSettings { Nc = [8, 8, 16, 16], Nb = 1 }),
        ["swinir"] = Json(new SwinIrSettings { ImgSize = 16, EmbedDim = 12, Depths = [2], NumHeads = [2], WindowSize = 4 }),
        ["ircnn-bank"] = Json(new IrCnnBankSettings { Nc = 8, Levels = 2 }),
        ["dncnn"] = Json(new DnCnnSettings { Nc = 8, Nb = 3 }),
        ["fdncnn"] = Json(new FDnCnnSettings { Nc = 8, Nb = 3 }),
        ["ircnn"] = Json(new IrCnnSettings { Nc = 8 }),
        ["hdit"] = Json(new HditSettings { PatchSize = [2, 2], Depths = [1, 1], Widths = [16, 32], DFfs = [16, 32], SelfAttns = [new() { DHead = 8 }, new() { DHead = 8 }], MappingWidth = 16, MappingDFf = 16, MappingDepth = 1, NumClasses = 2 }),
        ["residual-classifier"] = Json(new ResidualClassifierSettings { Widths = [16, 16], Blocks = [1, 1], Classes = 2 }),
    };

    public static TheoryData<string> Kinds => [.. NetworkCatalogue.All.Select(kind => kind.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sizes_of_nothing_below_nothing_or_beyond_memory_build_no_network_and_are_told_as_an_error_of_the_model(string name)
    {
        var (kind, small) = (NetworkCatalogue.Find(name), _small[name]);
        kind.Build(small, Granted).Dispose();
        var failures = new List<string>();
        foreach (var (setting, value) in small)
        {
            JsonNode?[] absurd = value switch
            {
                JsonValue number when number.TryGetValue<double>(out _) => [0, -1, -7, int.MaxValue],
                JsonArray { Count: > 0 } numbers when numbers[0] is JsonValue first && first.TryGetValue<double>(out _) =>
                    [new JsonArray(), new JsonArray(1), All(numbers, 0), All(numbers, -1), All(numbers, int.MaxValue), new JsonArray([.. Enumerable.Repeat(1, 40).Select(one => (JsonNode)one)])],
                JsonArray { Count: > 0 } parts when parts[0] is JsonObject part =>
                    [.. from size in part where size.Value is JsonValue number && number.TryGetValue<double>(out _) from wrong in (int[])[0, -1, -7, int.MaxValue] select With(parts, size.Key, wrong)],
                _ => [],
            };
            foreach (var wrong in absurd)
            {
                var settings = small.DeepClone().AsObject();
                settings[setting] = wrong?.DeepClone();
                using var scope = new Scope();
                try
                {
                    kind.Build(settings, Granted).Dispose();
                }
                catch (ModelException error) when (!error.Message.Contains('\n', StringComparison.Ordinal) && !error.Message.Contains("Index was", StringComparison.Ordinal))
                {
                    // As it should be.
                }
                catch (Exception error)
                {
                    failures.Add($"{setting} = {wrong?.ToJsonString()}: {error.GetType().Name} {error.Message}");
                }
            }
        }
        Assert.Empty(failures);

        static JsonArray With(JsonArray parts, string size, int value)
        {
            var changed = parts.DeepClone().AsArray();
            foreach (var part in changed) part![size] = value;
            return changed;
        }

        static JsonArray All(JsonArray numbers, int value) => [.. Enumerable.Repeat(value, numbers.Count).Select(one => (JsonNode)one)];
    }

    // A network of 10^9 numbers and more would be built, zeroed and only then compared with a file of a few thousand.
    [Fact]
    public void A_card_that_claims_a_giant_network_of_a_small_file_is_refused_before_it_is_built()
    {
        var folder = Directory.CreateTempSubdirectory("posterior-giant-");
        try
        {
            var path = Path.Combine(folder.FullName, "small.safetensors");
            using (var network = new PhotoUNet(new() { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 }))
                ModelExport.Write(path, network, new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.Edm } });
            var card = JsonNode.Parse(File.ReadAllText(Path.ChangeExtension(path, ".json")))!.AsObject();
            card["settings"] = new JsonObject { ["widths"] = new JsonArray(6000, 12000), ["blocks"] = new JsonArray(1, 1) };
            File.WriteAllText(Path.ChangeExtension(path, ".json"), card.ToJsonString());
            Assert.Contains("beyond what was granted", Assert.Throws<ModelException>(() => Model.Load(path, new ModelOptions())).Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static JsonObject Json<T>(T settings) => NetworkInferenceTests.ModelSettings(settings);
}
