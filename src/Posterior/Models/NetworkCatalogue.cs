using Posterior.Diffusion;
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

/// <summary>Every architecture that weights can be loaded into: one line each.</summary>
public static class NetworkCatalogue
{
    private static readonly ScheduleCard _linear = new() { Kind = ScheduleKind.VpLinear }, _cosine = new() { Kind = ScheduleKind.VpCosine }, _edm = new() { Kind = ScheduleKind.Edm }, _iddpm = new() { Kind = ScheduleKind.EdmIddpm };

    private const int BlindDepth = 20;

    private static readonly double[] _unit = [0, 1];

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
        new NetworkKind<Edm2Settings>("edm2", "unet.emb_fourier.freqs", ModelJson.Default.Edm2Settings, Edm2Inference.IsEdm2, Edm2Inference.Network, settings => new Edm2Network(settings), Describe),
        new NetworkKind<DrUNetSettings>("drunet", "m_head.weight", ModelJson.Default.DrUNetSettings, DenoiserInference.IsDrUNet, DenoiserInference.DrUNet, settings => new DrUNet(settings), Describe),
        new NetworkKind<SwinIrSettings>("swinir", "conv_first.weight", ModelJson.Default.SwinIrSettings, SwinIrInference.IsSwinIr, SwinIrInference.Network, settings => new SwinIr(settings), Describe),
        new NetworkKind<IrCnnBankSettings>("ircnn-bank", "0.model.0.weight", ModelJson.Default.IrCnnBankSettings, DenoiserInference.IsIrCnnBank, DenoiserInference.IrCnnBank, settings => new IrCnnBank(settings), Describe),
        new NetworkKind<IrCnnSettings>("ircnn", "model.0.weight", ModelJson.Default.IrCnnSettings, DenoiserInference.IsIrCnn, DenoiserInference.IrCnn, settings => new IrCnn(settings), Describe),
        new NetworkKind<DnCnnSettings>("dncnn", "model.0.weight", ModelJson.Default.DnCnnSettings, DenoiserInference.IsDnCnn, DenoiserInference.DnCnn, settings => new DnCnn(settings), Describe),
        new NetworkKind<FDnCnnSettings>("fdncnn", "model.0.weight", ModelJson.Default.FDnCnnSettings, DenoiserInference.IsFDnCnn, DenoiserInference.FDnCnn, settings => new FDnCnn(settings), Describe),
        new NetworkKind<HditSettings>(HditInference.Name, HditInference.Anchor, ModelJson.Default.HditSettings, HditInference.IsHdit, HditInference.Network, settings => new HditNetwork(settings), Describe),
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

    private static ModelCard Describe(Edm2Settings settings, TensorShapes shapes) => new()
    {
        Schedule = _edm with { SigmaData = settings.SigmaData },
        NativeSize = settings.ImgResolution,
        Channels = settings.ImgChannels,
        ClassCount = settings.LabelDim,
    };

    // The published DnCNN of 17 layers is for one level (15, 25 or 50; the middle one is assumed), that of 20 layers for any up to 55.
    private static ModelCard Describe(DnCnnSettings settings, TensorShapes shapes) => settings.Nb < BlindDepth ? OfLevels(settings.InNc, 25, 25) : OfLevels(settings.InNc, 0, 55);

    private static ModelCard Describe(FDnCnnSettings settings, TensorShapes shapes) => OfLevels(settings.OutNc, 0, 75);

    private static ModelCard Describe(IrCnnSettings settings, TensorShapes shapes) => OfLevels(settings.InNc, 25, 25);

    private static ModelCard Describe(IrCnnBankSettings settings, TensorShapes shapes) => OfLevels(settings.InNc, 2, 2 * settings.Levels);

    private static ModelCard Describe(DrUNetSettings settings, TensorShapes shapes) => OfLevels(settings.OutNc, 0, 50);

    // KAIR trains its networks on images in [0, 1], and quotes their noise for images in [0, 255].
    private static ModelCard OfLevels(int channels, double least, double greatest) => new()
    {
        Channels = channels,
        ValueRange = _unit,
        RoleSettings = new RestorerCard { NoiseLevels = [least / 255, greatest / 255] }.ToJson(),
    };

    private static ModelCard Describe(SwinIrSettings settings, TensorShapes shapes) => new()
    {
        Role = PredictorCatalogue.Restorer,
        Channels = settings.InChans,
        ValueRange = _unit,
        RoleSettings = new RestorerCard { Input = settings.Upscale > 1 ? RestorerInput.Measurement : RestorerInput.Picture }.ToJson(),
    };

    private static ModelCard Describe(PhotoUNetSettings settings, TensorShapes shapes) => new() { Schedule = _edm, Channels = settings.ImageChannels, ClassCount = settings.Classes };

    private static ModelCard Describe(HditSettings settings, TensorShapes shapes) => new()
    {
        Role = settings switch
        {
            { OutputImages: > 1 } => PredictorCatalogue.Components,
            { Condition: MeasurementCondition.None } => null,
            _ => PredictorCatalogue.Conditional,
        },
        Schedule = new() { Kind = ScheduleKind.Edm, SigmaData = settings.SigmaData },
        Channels = settings.InputChannels,
        ClassCount = Math.Max(0, settings.NumClasses - 1),
    };
    private static ModelCard Describe(ResidualClassifierSettings settings, TensorShapes shapes) => new() { Role = PredictorCatalogue.Features, Channels = settings.ImageChannels, ClassCount = settings.Classes };
}
