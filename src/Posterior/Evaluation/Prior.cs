using System.Globalization;
using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Ddpm;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>A model made ready for images of any size and of one or three channels. Disposing it frees the network.</summary>
public sealed class Prior : IDisposable
{
    // Tensors of the network's finest level that are alive at its widest point: inputs, skips, the concatenation and the work space of a convolution.
    // Measured: 12.0 for ADM's UNet of 64 channels at 256 x 256; for the shipped photo, as a denoiser at 512 x 512, 17.3 (1108 bytes a pixel) in Float32
    // and 18.2 (581 bytes) in BFloat16, because its finest level is small beside the images.
    private const int LiveTensors = 14, PhotoLiveTensors = 19;

    // How far the shipped photo looks: cut off at 96 pixels from the edge of a tile its estimate changes by up to 2e-3 (images in [-1, 1], noise 0.1
    // to 100), at 112 by 3e-4, at 128 by 5e-5. The weights leave the rest of the receptive field unused.
    private const int PhotoContext = 128;

    private readonly PriorSettings _settings;
    private readonly int? _tile;

    private Prior(PriorSettings settings, string path, LoadedModel model, Device device)
    {
        (_settings, Path, Model, Device) = (settings, path, model, device);
        _tile = settings.ParseTile();
    }

    /// <summary>The weight file.</summary>
    public string Path { get; }

    /// <summary>The model.</summary>
    public LoadedModel Model { get; }

    /// <summary>Where the network is.</summary>
    public Device Device { get; }

    /// <summary>What the model is called.</summary>
    public string Name => Model.Card.Name ?? System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>Channels of the model's images; null when any will do.</summary>
    public long? Channels => Model.Denoiser.Channels;

    /// <summary>Checks what can be checked without reading weights, and finds the weight file.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="ModelException">A setting is wrong, or there is no such model.</exception>
    public static string Find(PriorSettings settings)
    {
        settings.ParseDtype();
        settings.ParseTile();
        return System.IO.Path.GetFullPath(ModelZoo.Find(settings.Model));
    }

    /// <summary>Loads a model.</summary>
    /// <exception cref="ModelException">A setting is wrong, there is no such model, or it is no prior.</exception>
    public static Prior Load(PriorSettings settings)
    {
        var (path, device) = (Find(settings), settings.ParseDevice());
        var model = Models.Model.Load(path, new ModelOptions
        {
            Device = device,
            DType = settings.ParseDtype(),
            Architecture = settings.Architecture is { } file ? ModelOptions.ReadArchitecture(file) : null,
        });
        try
        {
            var prior = new Prior(settings, path, model, device);
            prior.CheckClass();
            return prior;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The denoiser for images of a number of channels: of the chosen class, in tiles where memory demands it, grey through a colour model.</summary>
    /// <param name="channels">1 or 3.</param>
    /// <param name="conditional">Whether the chosen class, if any, is used.</param>
    /// <exception cref="ModelException">The model is for another number of channels.</exception>
    public Denoiser For(long channels, bool conditional = true)
    {
        var denoiser = conditional && _settings.Class is { } label ? ((IClassConditional)Model.Denoiser).WithLabels(label) : Model.Denoiser;
        if (_tile != 0) denoiser = new TiledDenoiser(denoiser, Tiles());
        if (denoiser.Channels is not { } native || native == channels) return denoiser;
        return (native, channels) == (3, 1)
            ? new GreyPrior(denoiser)
            : throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"model '{Name}' is for images of {native} channels, this one has {channels}"));
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    private void CheckClass()
    {
        if (_settings.Class is not { } label) return;
        var classes = Model.Denoiser is IClassConditional conditional ? conditional.Classes : 0;
        if (classes == 0) throw new ModelException($"model '{Name}' has no classes, so it takes no --class");
        if (label < 0 || label >= classes) throw new ModelException(string.Create(CultureInfo.InvariantCulture, $"model '{Name}' has the classes 0 to {classes - 1}, not {label}"));
    }

    private TileOptions Tiles()
    {
        var multiple = Model.Network is INoiseConditioned network ? network.SizeMultiple : 1;
        // Convolutions alone see as far as their kernels reach: with that much context a tile gives what the whole image gives.
        int? context = Model.Network is PhotoUNet convolutional ? Math.Min(convolutional.ReceptiveRadius, PhotoContext) : null;
        if (_tile is { } side) return new() { BytesPerPixel = 1, MemoryBytes = (long)side * side, Context = context ?? side / 8, Blend = side / 8, Multiple = multiple };
        var bytes = Model.Network switch
        {
            PhotoUNet photo => (double)photo.Settings.Widths[0] / (photo.Settings.Patch * photo.Settings.Patch),
            AdmUNet adm => adm.Settings.ModelChannels,
            DdpmUNet ddpm => ddpm.Settings.Ch,
            _ => 128,
        } * (Model.Network is PhotoUNet ? PhotoLiveTensors : LiveTensors) * (_settings.Dtype == "bf16" ? 2 : 4);
        // Attention needs memory for every pair of places: networks that have it see at most four times the pixels of their training.
        long? most = Model.Network is AdmUNet or DdpmUNet && Model.Card.NativeSize is { } size ? (long)bytes * 4 * size * size : null;
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;
        var tiles = new TileOptions { BytesPerPixel = Math.Max(1, (long)bytes), MemoryBytes = Math.Min(memory, most ?? memory), Multiple = multiple };
        return context is { } radius ? tiles with { Context = radius } : tiles;
    }
}
