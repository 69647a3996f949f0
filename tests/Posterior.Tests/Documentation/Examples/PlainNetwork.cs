using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Documentation;

/// <summary>The sizes of a <see cref="PlainNetwork"/>.</summary>
public sealed record PlainSettings
{
    /// <summary>Channels of the images.</summary>
    public int ImageChannels { get; init; } = 3;

    /// <summary>Channels inside.</summary>
    public int Width { get; init; } = 32;
}

/// <summary>Two convolutions, shifted by the noise level in between.</summary>
public sealed class PlainNetwork : Module, INoiseConditioned
{
    private readonly Conv2d _first, _second;
    private readonly Linear _noise;

    /// <summary>A network of the given sizes, with zero weights.</summary>
    public PlainNetwork(PlainSettings settings)
    {
        Settings = settings;
        _first = Add("first", new Conv2d(settings.ImageChannels, settings.Width, 3, padding: 1));
        _noise = Add("noise", new Linear(1, settings.Width));
        _second = Add("second", new Conv2d(settings.Width, settings.ImageChannels, 3, padding: 1));
    }

    /// <summary>The sizes.</summary>
    public PlainSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.ImageChannels;

    /// <inheritdoc/>
    public int Classes => 0;

    /// <inheritdoc/>
    public int SizeMultiple => 1;

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? labels = null)
    {
        using var scope = new Scope();
        var shift = _noise.Forward(noiseLabel.Unsqueeze(1).To(DType)).Unsqueeze(2).Unsqueeze(3);
        var h = (_first.Forward(x.To(DType)) + shift).Silu();
        return scope.Keep(_second.Forward(h).To(x.DType));
    }
}
