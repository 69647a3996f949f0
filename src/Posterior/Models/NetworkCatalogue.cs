using Posterior.Diffusion;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Ddpm;
using Posterior.Networks.Edm;
using Posterior.Networks.Features;

namespace Posterior.Models;

/// <summary>Every architecture that weights can be loaded into: one line each.</summary>
public static class NetworkCatalogue
{
    private static readonly ScheduleCard _linear = new() { Kind = ScheduleKind.VpLinear }, _cosine = new() { Kind = ScheduleKind.VpCosine }, _edm = new() { Kind = ScheduleKind.Edm }, _iddpm = new() { Kind = ScheduleKind.EdmIddpm };

    /// <summary>The name of ADM's classifier, which is no prior.</summary>
    public const string Classifier = "adm-classifier";

    /// <summary>The name of the classifier of clean images, whose features compare sets of images.</summary>
    public const string ImageClassifier = "residual-classifier";

    /// <summary>All architectures, in the order in which they are tried.</summary>
    public static IReadOnlyList<NetworkKind> All { get; } =
    [
        new NetworkKind<AdmUNetSettings>("adm-unet", "time_embed.0.weight", ModelJson.Default.AdmUNetSettings, AdmInference.IsUNet, AdmInference.UNet, settings => new AdmUNet(settings), Describe),
        new NetworkKind<AdmClassifierSettings>(Classifier, "time_embed.0.weight", ModelJson.Default.AdmClassifierSettings, AdmInference.IsClassifier, AdmInference.Classifier, settings => new AdmClassifier(settings), Describe),
        new NetworkKind<DdpmUNetSettings>("ddpm-unet", "conv_in.weight", ModelJson.Default.DdpmUNetSettings, DdpmInference.IsDdpm, DdpmInference.UNet, settings => new DdpmUNet(settings), Describe),
        new NetworkKind<SongUNetSettings>("song-unet", "map_layer0.weight", ModelJson.Default.SongUNetSettings, EdmInference.IsSong, EdmInference.Song, settings => new SongUNet(settings), Describe),
        new NetworkKind<DhariwalUNetSettings>("dhariwal-unet", "map_layer0.weight", ModelJson.Default.DhariwalUNetSettings, EdmInference.IsDhariwal, EdmInference.Dhariwal, settings => new DhariwalUNet(settings), Describe),
        new NetworkKind<PhotoUNetSettings>("photo-unet", "stem.weight", ModelJson.Default.PhotoUNetSettings, PhotoInference.IsPhoto, PhotoInference.UNet, settings => new PhotoUNet(settings), Describe),
        new NetworkKind<ResidualClassifierSettings>(ImageClassifier, "stem.weight", ModelJson.Default.ResidualClassifierSettings, ClassifierInference.IsClassifier, ClassifierInference.Settings, settings => new ResidualClassifier(settings), Describe),
    ];

    /// <summary>The architecture of a name.</summary>
    /// <exception cref="ModelException">There is none of that name.</exception>
    public static NetworkKind Find(string name) => All.FirstOrDefault(kind => kind.Name.Equals(name.Replace('_', '-'), StringComparison.OrdinalIgnoreCase))
        ?? throw new ModelException($"'{name}' is no known architecture{Spelling.Suggest(name, All.Select(kind => kind.Name))} (known: {string.Join(", ", All.Select(kind => kind.Name))})");

    // The 64x64 checkpoint of guided-diffusion was trained with the cosine schedule, all its others with the linear one.
    private static ScheduleCard AdmSchedule(AdmTrunkSettings settings) => settings is { ImageSize: 64, ModelChannels: 192 } ? _cosine : _linear;

    private static ModelCard Describe(AdmUNetSettings settings, TensorShapes shapes) => new()
    {
        Prediction = Prediction.Epsilon,
        Schedule = AdmSchedule(settings),
        NativeSize = settings.ImageSize,
        Channels = settings.InChannels,
        LearnedVariance = settings.OutChannels == 2 * settings.InChannels,
        ClassCount = settings.NumClasses,
    };

    // The 64x64 classifier belongs to the 64x64 denoiser; its base width is 128 as that of the others.
    private static ModelCard Describe(AdmClassifierSettings settings, TensorShapes shapes) => new()
    {
        Schedule = settings.ImageSize == 64 ? _cosine : _linear,
        NativeSize = settings.ImageSize,
        Channels = settings.InChannels,
        ClassCount = settings.OutChannels,
    };

    private static ModelCard Describe(DdpmUNetSettings settings, TensorShapes shapes) => new()
    {
        Prediction = Prediction.Epsilon,
        Schedule = _linear,
        NativeSize = settings.ImageSize,
        Channels = settings.InChannels,
        LearnedVariance = settings.OutCh == 2 * settings.InChannels,
        ClassCount = 0,
    };

    private static ModelCard Describe(EdmUNetSettings settings, TensorShapes shapes) => new()
    {
        Schedule = settings.OutChannels == 2 * settings.ImgChannels ? _iddpm : _edm,
        NativeSize = settings.ImgResolution,
        Channels = settings.ImgChannels,
        LearnedVariance = settings.OutChannels == 2 * settings.ImgChannels,
        ClassCount = settings.LabelDim,
    };

    private static ModelCard Describe(PhotoUNetSettings settings, TensorShapes shapes) => new() { Schedule = _edm, Channels = settings.ImageChannels, ClassCount = settings.Classes };

    private static ModelCard Describe(ResidualClassifierSettings settings, TensorShapes shapes) => new() { Role = PredictorCatalogue.Features, Channels = settings.ImageChannels, ClassCount = settings.Classes };
}
