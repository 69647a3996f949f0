using System.Globalization;
using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Networks.Adm;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>A model made ready for images of any size and of one or three channels, with what guides it. Disposing it frees the networks.</summary>
public sealed class Prior : IDisposable
{
    private readonly PriorSettings _settings;
    private readonly LoadedModel? _guide;
    private readonly LoadedClassifier? _classifier;
    private readonly int? _tile;

    private Prior(PriorSettings settings, PriorFiles files, LoadedModel model, LoadedModel? guide, LoadedClassifier? classifier, Device device)
    {
        (_settings, Files, Model, _guide, _classifier, Device) = (settings, files, model, guide, classifier, device);
        _tile = settings.ParseTile();
    }

    /// <summary>The weight files.</summary>
    public PriorFiles Files { get; }

    /// <summary>The model.</summary>
    public LoadedModel Model { get; }

    /// <summary>Where the network is.</summary>
    public Device Device { get; }

    /// <summary>What the model is called.</summary>
    public string Name => Model.Card.Name ?? Path.GetFileNameWithoutExtension(Files.Model);

    /// <summary>Channels of the model's images; null when any will do.</summary>
    public long? Channels => Model.Predictor.Channels;

    /// <summary>Loads a model, and what guides it.</summary>
    /// <exception cref="ModelException">A setting is wrong, a file is missing, or a model is not what it is used for.</exception>
    public static Prior Load(PriorSettings settings)
    {
        var (files, device) = (PriorFiles.Find(settings), settings.ParseDevice());
        var options = new ModelOptions { Device = device, DType = settings.ParseDtype() };
        var loaded = new Stack<IDisposable>();
        try
        {
            var model = Models.Model.Load(files.Model, options with { Architecture = settings.Architecture is { } file ? ModelOptions.ReadArchitecture(file) : null });
            loaded.Push(model);
            var guide = files.Guide is null ? null : Models.Model.Load(files.Guide, options);
            if (guide is not null) loaded.Push(guide);
            // Its gradient is all that it is for: single precision, whatever the model has.
            var classifier = files.Classifier is null ? null : Models.Model.LoadClassifier(files.Classifier, options with { DType = DType.Float32 });
            if (classifier is not null) loaded.Push(classifier);
            var prior = new Prior(settings, files, model, guide, classifier, device);
            prior.CheckRoles();
            return prior;
        }
        catch
        {
            while (loaded.TryPop(out var one)) one.Dispose();
            throw;
        }
    }

    /// <summary>The denoiser for images of a number of channels: of the chosen class, guided, in tiles where memory demands it, grey through a colour model.</summary>
    /// <param name="channels">1 or 3.</param>
    /// <param name="label">A class in place of the settings' one; null for that one.</param>
    /// <exception cref="ModelMismatchException">The model is for another number of channels.</exception>
    public Denoiser For(long channels, int? label = null)
    {
        label ??= _settings.Class;
        var denoiser = InTiles(Model, Labelled(Model, label));
        if (_settings.Guidance != 1)
            denoiser = new ClassifierFreeGuidance(denoiser, _guide is null ? InTiles(Model, Model.Denoiser) : InTiles(_guide, Labelled(_guide, label)), _settings.Guidance);
        // A classifier judges the whole image, so it is outside of the tiles.
        if (_classifier is not null) denoiser = new ClassifierGuidance(denoiser, _classifier.For(label!.Value), _settings.ClassifierScale ?? 1);
        if (denoiser.Channels is not { } native || native == channels) return denoiser;
        return (native, channels) == (3, 1)
            ? new GreyPrior(denoiser)
            : throw new ModelMismatchException(string.Create(CultureInfo.InvariantCulture, $"model '{Name}' is for images of {native} channels, this one has {channels}"));
    }

    /// <summary>What a solver works with, for images of a number of channels: <see cref="For"/>, or the model itself where it is no prior.</summary>
    /// <param name="channels">1 or 3.</param>
    /// <param name="label">A class in place of the settings' one; null for that one.</param>
    /// <exception cref="ModelMismatchException">The model is for another number of channels.</exception>
    public ImagePredictor PredictorFor(long channels, int? label = null) => Model.Predictor switch
    {
        Denoiser => For(channels, label),
        OneShotRestorer restorer => RestorerFor(restorer, channels),
        { Channels: { } native } when native != channels => throw new ModelMismatchException(string.Create(CultureInfo.InvariantCulture, $"model '{Name}' is for images of {native} channels, this one has {channels}")),
        ConditionalDenoiser conditional when (label ?? _settings.Class) is { } one => conditional.WithClass(one, _settings.Guidance),
        var predictor => predictor,
    };

    /// <summary>The tiles in which an image of a size is denoised; a single one when it fits.</summary>
    /// <param name="height">The image's height.</param>
    /// <param name="width">The image's width.</param>
    public IReadOnlyList<(long Top, long Height, long Left, long Width)> TilesOf(long height, long width) =>
        _tile == 0 ? [(0, height, 0, width)] : Model.Predictor switch
        {
            Denoiser denoiser => new TiledDenoiser(denoiser, Tiles(Model)).Tiles(height, width),
            OneShotRestorer restorer => new TiledRestorer(restorer, Tiles(Model)).Tiles(height / restorer.Scale, width / restorer.Scale),
            _ => [(0, height, 0, width)],
        };

    /// <summary>Checks that images of a size are what the prior takes; only a classifier is choosy.</summary>
    /// <exception cref="ModelMismatchException">The classifier takes images of its training size, or of a multiple of its stride, only.</exception>
    public void CheckSize(long height, long width)
    {
        if (_classifier is null) return;
        var (settings, multiple) = (_classifier.Network.Settings, _classifier.Network.SizeMultiple);
        var (fits, expected) = settings.Pool == AdmPool.Attention
            ? (height == settings.ImageSize && width == settings.ImageSize, $"{settings.ImageSize}x{settings.ImageSize}")
            : (height % multiple == 0 && width % multiple == 0, $"sides that are multiples of {multiple}");
        if (!fits) throw new ModelMismatchException(string.Create(CultureInfo.InvariantCulture, $"classifier '{_classifier.Card.Name}' takes images of {expected}, this one has {width}x{height}"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _classifier?.Dispose();
        _guide?.Dispose();
        Model.Dispose();
    }

    /// <summary>The number of classes of the model; 0 for none.</summary>
    public int ClassCount => Classes(Model);

    private static int Classes(LoadedModel model) => model.Predictor switch
    {
        IClassConditional prior => prior.Classes,
        ConditionalDenoiser conditional => conditional.Classes,
        _ => 0,
    };

    // A class that only the classifier or only one of two models knows is left out where it means nothing.
    private static Denoiser Labelled(LoadedModel model, int? label) => label is { } one && Classes(model) > 0 ? ((IClassConditional)model.Denoiser).WithLabels(one) : model.Denoiser;

    private Denoiser InTiles(LoadedModel model, Denoiser denoiser) => _tile == 0 ? denoiser : new TiledDenoiser(denoiser, Tiles(model));

    private OneShotRestorer RestorerFor(OneShotRestorer restorer, long channels)
    {
        if (_tile != 0) restorer = new TiledRestorer(restorer, Tiles(Model));
        if (restorer.Channels is not { } native || native == channels) return restorer;
        return (native, channels) == (3, 1)
            ? new GreyRestorer(restorer)
            : throw new ModelMismatchException(string.Create(CultureInfo.InvariantCulture, $"model '{Name}' is for images of {native} channels, this one has {channels}"));
    }

    private void CheckRoles()
    {
        if (Model.Predictor is not Denoiser && (_guide is not null || _classifier is not null))
            throw new ModelException($"model '{Name}' is no prior, so it takes no {(_guide is not null ? "--guide" : "--classifier")}");
        if (_guide is not null && _guide.Predictor.Channels is { } weaker && Channels is { } native && weaker != native)
            throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"the guide '{_guide.Card.Name}' is for images of {weaker} channels, model '{Name}' for {native}"));
        if (_classifier is not null && Channels is { } images && _classifier.Network.Settings.InChannels != images)
            throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"the classifier '{_classifier.Card.Name}' is for images of {_classifier.Network.Settings.InChannels} channels, model '{Name}' for {images}"));
        if (_settings.Class is not { } label) return;
        if (_guide is null && _settings.Guidance != 1 && Classes(Model) == 0) throw new ModelException($"model '{Name}' has no classes, so guidance needs a weaker model (--guide)");
        if (_classifier is null && Classes(Model) == 0) throw new ModelException($"model '{Name}' has no classes, so it takes no --class");
        Within(Name, Classes(Model), label);
        if (_guide is not null) Within(_guide.Card.Name, Classes(_guide), label);
        if (_classifier is not null) Within(_classifier.Card.Name, _classifier.Network.Settings.OutChannels, label);

        static void Within(string? name, int classes, int label)
        {
            if (classes > 0 && (label < 0 || label >= classes)) throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"model '{name}' has the classes 0 to {classes - 1}, not {label}"));
        }
    }

    private TileOptions Tiles(LoadedModel model)
    {
        var network = (IImageNetwork)model.Network;
        if (_tile is { } side)
            return new() { BytesPerPixel = 1, MemoryBytes = (long)side * side, Context = network.TileContext ?? side / 8, Blend = side / 8, Multiple = network.TileMultiple };
        var bytes = network.FinestChannels * network.LiveTensors * (_settings.Dtype == "bf16" && FastPath.HasFastBFloat16 ? 2 : 4); // else calculated in Float32
        long? most = network.PairsPlaces && model.Card.NativeSize is { } size ? (long)bytes * 4 * size * size : null;
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;
        var tiles = new TileOptions { BytesPerPixel = Math.Max(1, (long)bytes), MemoryBytes = Math.Min(memory, most ?? memory), Multiple = network.TileMultiple };
        return network.TileContext is { } radius ? tiles with { Context = radius } : tiles;
    }
}
