using System.Globalization;
using Posterior.Diffusion;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Denoisers;

/// <summary>The settings of an <see cref="IrCnnBank"/>.</summary>
public sealed record IrCnnBankSettings
{
    /// <summary>Channels of the images.</summary>
    public int InNc { get; init; } = 1;

    /// <summary>Channels of the result, those of the images.</summary>
    public int OutNc { get; init; } = 1;

    /// <summary>Channels inside.</summary>
    public int Nc { get; init; } = 64;

    /// <summary>The number of networks: network k is for noise of standard deviation 2 (k + 1) / 255.</summary>
    public int Levels { get; init; } = 25;
}

/// <summary>The published form of IRCNN: one <see cref="IrCnn"/> for each noise level, in one file below <c>0.</c>, <c>1.</c>, ...; the level decides which of them works.</summary>
public sealed class IrCnnBank : Module, IRestorationNetwork
{
    private const double LevelStep = 2.0 / 255;

    // Levels come in single precision: one that is meant to be exactly a network's must not reach for the next.
    private const double Rounding = 1e-4;

    private readonly IrCnn[] _networks;

    /// <summary>Networks with zero weights, to be loaded.</summary>
    /// <exception cref="ArgumentException">The settings contradict each other.</exception>
    public IrCnnBank(IrCnnBankSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.Levels is < 1 or > 1000) throw new ArgumentException($"expected 1 to 1000 networks, found {settings.Levels}");
        Settings = settings;
        var each = new IrCnnSettings { InNc = settings.InNc, OutNc = settings.OutNc, Nc = settings.Nc };
        _networks = [.. Enumerable.Range(0, settings.Levels).Select(level => Add(level.ToString(CultureInfo.InvariantCulture), new IrCnn(each)))];
    }

    /// <summary>The settings.</summary>
    public IrCnnBankSettings Settings { get; }

    /// <inheritdoc/>
    public int ImageChannels => Settings.InNc;

    /// <inheritdoc/>
    public int Scale => 1;

    /// <inheritdoc/>
    public int SizeMultiple => 1;

    /// <inheritdoc/>
    public int? TileContext => IrCnn.ReceptiveRadius;

    /// <inheritdoc/>
    public double FinestChannels => Settings.Nc;

    /// <inheritdoc/>
    public bool TakesNoiseLevel => true;

    /// <summary>The network for a noise level in [0, 1]: the next one that is for at least as much noise.</summary>
    public IrCnn ForLevel(double level) => _networks[(int)Math.Clamp(Math.Ceiling(level / LevelStep - Rounding) - 1, 0, _networks.Length - 1)];

    /// <inheritdoc/>
    public Tensor Restore(Tensor x, Tensor noiseLevels)
    {
        using var scope = new Scope();
        var levels = noiseLevels.To(DType.Float64).To(Device.Cpu).ToArray<double>();
        if (levels.All(level => level == levels[0])) return scope.Keep(ForLevel(levels[0]).Forward(x));
        return scope.Keep(Tensor.Cat([.. levels.Select((level, i) => ForLevel(level).Forward(x.Narrow(0, i, 1)))]));
    }
}
