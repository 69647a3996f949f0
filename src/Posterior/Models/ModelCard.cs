using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Models;

/// <summary>
/// What there is to know of a model beside its weights: a JSON file of the same name, with keys in snake case. Every field is optional; what is
/// missing is inferred from the tensors or unknown.
/// </summary>
public sealed record ModelCard
{
    /// <summary>The model's name.</summary>
    public string? Name { get; init; }

    /// <summary>What it is, in a sentence.</summary>
    public string? Description { get; init; }

    /// <summary>The architecture, a name of <see cref="NetworkCatalogue"/>.</summary>
    public string? Network { get; init; }

    /// <summary>Settings of the architecture; those that are missing are inferred.</summary>
    public JsonObject? Settings { get; init; }

    /// <summary>What the network is for, a role of <see cref="PredictorCatalogue"/>; a prior unless stated.</summary>
    public string? Role { get; init; }

    /// <summary>What the role needs to know, by the names of its own settings.</summary>
    public JsonObject? RoleSettings { get; init; }

    /// <summary>What a network of a variance-preserving process predicts; null for a preconditioned one.</summary>
    public Prediction? Prediction { get; init; }

    /// <summary>The noise process of the training.</summary>
    public ScheduleCard? Schedule { get; init; }

    /// <summary>The values of black and white of the training images: [-1, 1] unless stated.</summary>
    public IReadOnlyList<double>? ValueRange { get; init; }

    /// <summary>The height and width of the training images.</summary>
    public int? NativeSize { get; init; }

    /// <summary>Channels of the images.</summary>
    public int? Channels { get; init; }

    /// <summary>Whether the network gives variances too; they are not used.</summary>
    public bool? LearnedVariance { get; init; }

    /// <summary>The number of classes; 0 for an unconditional model.</summary>
    public int? ClassCount { get; init; }

    /// <summary>The names of the classes, in order.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>The number of trained numbers.</summary>
    public long? Parameters { get; init; }

    /// <summary>The licence of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>Where the weights come from.</summary>
    public string? Source { get; init; }

    /// <summary>The training data.</summary>
    public string? Data { get; init; }

    /// <summary>Facts of the training: settings, hardware, time, loss.</summary>
    public JsonObject? Training { get; init; }

    /// <summary>SHA-256 of the weight file, 64 lowercase hexadecimal digits.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What the model cannot do.</summary>
    public IReadOnlyList<string>? Limits { get; init; }

    /// <summary>What of the card decides results, as text: not its names, facts and descriptions.</summary>
    internal string Meaning() => JsonSerializer.Serialize(
        this with { Name = null, Description = null, Classes = null, Parameters = null, Licence = null, Source = null, Data = null, Training = null, Sha256 = null, Limits = null }, ModelJson.Default.ModelCard);

    /// <summary>Reads a card.</summary>
    /// <exception cref="ModelException">The file is missing or is no card.</exception>
    public static ModelCard Read(string path)
    {
        try
        {
            if (SpecialFile.MayBe(path)) throw new ModelException($"{Path.GetFileName(path)}: expected a model card, found what is empty or not a regular file");
            return JsonSerializer.Deserialize(File.ReadAllText(path), ModelJson.Default.ModelCard)
                ?? throw new ModelException($"{Path.GetFileName(path)}: expected a model card, found null");
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{Path.GetFileName(path)}: expected a model card: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }

    /// <summary>Writes the card; an older file is replaced only when the new one is complete.</summary>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        JsonSerializer.Serialize(stream, this, ModelJson.Default.ModelCard);
        stream.WriteByte((byte)'\n');
    });

    /// <summary>This card where it says something, <paramref name="inferred"/> elsewhere.</summary>
    internal ModelCard Over(ModelCard inferred) => inferred with
    {
        Name = Name ?? inferred.Name,
        Description = Description ?? inferred.Description,
        Network = Network ?? inferred.Network,
        Settings = inferred.Settings ?? Settings,
        Role = Role ?? inferred.Role,
        RoleSettings = RoleSettings ?? inferred.RoleSettings,
        Prediction = Prediction ?? inferred.Prediction,
        Schedule = Schedule ?? inferred.Schedule,
        ValueRange = ValueRange ?? inferred.ValueRange,
        NativeSize = NativeSize ?? inferred.NativeSize,
        Channels = Channels ?? inferred.Channels,
        LearnedVariance = LearnedVariance ?? inferred.LearnedVariance,
        ClassCount = ClassCount ?? inferred.ClassCount,
        Classes = Classes ?? inferred.Classes,
        Parameters = Parameters ?? inferred.Parameters,
        Licence = Licence ?? inferred.Licence,
        Source = Source ?? inferred.Source,
        Data = Data ?? inferred.Data,
        Training = Training ?? inferred.Training,
        Sha256 = Sha256 ?? inferred.Sha256,
        Limits = Limits ?? inferred.Limits,
    };
}

/// <summary>Noise processes that a model can have been trained with.</summary>
public enum ScheduleKind
{
    /// <summary>Discrete variance-preserving, betas equally spaced (Ho et al. 2020).</summary>
    [JsonStringEnumMemberName("vp-linear")]
    VpLinear,

    /// <summary>Discrete variance-preserving, squared cosine (Nichol and Dhariwal 2021).</summary>
    [JsonStringEnumMemberName("vp-cosine")]
    VpCosine,

    /// <summary>EDM's preconditioning (Karras et al. 2022).</summary>
    [JsonStringEnumMemberName("edm")]
    Edm,

    /// <summary>The continuous variance-preserving process, preconditioned as in EDM's code.</summary>
    [JsonStringEnumMemberName("edm-vp")]
    EdmVp,

    /// <summary>The variance-exploding process, preconditioned as in EDM's code.</summary>
    [JsonStringEnumMemberName("edm-ve")]
    EdmVe,

    /// <summary>Improved DDPM's process, preconditioned as in EDM's code.</summary>
    [JsonStringEnumMemberName("edm-iddpm")]
    EdmIddpm,
}

/// <summary>The noise process in a model card.</summary>
public sealed record ScheduleCard
{
    /// <summary>Which process.</summary>
    public ScheduleKind Kind { get; init; }

    /// <summary>The number of timesteps of a discrete process; 1000 unless stated.</summary>
    public int? Steps { get; init; }

    /// <summary>The first beta of <see cref="ScheduleKind.VpLinear"/>; 0.0001 unless stated.</summary>
    public double? BetaStart { get; init; }

    /// <summary>The last beta of <see cref="ScheduleKind.VpLinear"/>; 0.02 unless stated.</summary>
    public double? BetaEnd { get; init; }

    /// <summary>The least noise of the training, for images in [-1, 1].</summary>
    public double? SigmaMin { get; init; }

    /// <summary>The most noise of the training, for images in [-1, 1].</summary>
    public double? SigmaMax { get; init; }

    /// <summary>The standard deviation of the data of <see cref="ScheduleKind.Edm"/>; 0.5 unless stated.</summary>
    public double? SigmaData { get; init; }
}
