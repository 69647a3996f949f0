using Posterior.Models;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Which prior, where and how it runs: plain data.</summary>
public sealed record PriorSettings
{
    /// <summary>A weight file, or the name of a shipped model.</summary>
    public string Model { get; init; } = "photo";

    /// <summary>A JSON file whose settings win over those inferred from the weights; null for none.</summary>
    public string? Architecture { get; init; }

    /// <summary>The class of the image, for class-conditional models; null for none.</summary>
    public int? Class { get; init; }

    /// <summary><c>cpu</c>, <c>cuda</c> or <c>cuda:INDEX</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>The number format of the network: <c>f32</c> or <c>bf16</c>.</summary>
    public string Dtype { get; init; } = "f32";

    /// <summary><c>auto</c> cuts large images as memory demands, <c>off</c> never, a number is the side of a tile in pixels.</summary>
    public string Tile { get; init; } = "auto";

    /// <summary>The device.</summary>
    /// <exception cref="ModelException">There is none of that name in this machine.</exception>
    internal Device ParseDevice()
    {
        Device device;
        try
        {
            device = Torch.Device.Parse(Device);
        }
        catch (FormatException failure)
        {
            throw new ModelException(failure.Message, failure);
        }
        if (device.Kind == DeviceKind.Cuda && device.Index >= Torch.Device.CudaCount)
            throw new ModelException($"device '{Device}' is not there: this libtorch {(Torch.Device.CudaCount == 0 ? "sees no CUDA device" : $"sees {Torch.Device.CudaCount} CUDA devices")}");
        return device;
    }

    /// <summary>The number format.</summary>
    /// <exception cref="ModelException">It is none of the two.</exception>
    public DType ParseDtype() => Dtype switch
    {
        "f32" => DType.Float32,
        "bf16" => DType.BFloat16,
        _ => throw new ModelException($"dtype '{Dtype}': expected f32 or bf16"),
    };

    /// <summary>The side of a tile: null for <c>auto</c>, 0 for <c>off</c>.</summary>
    /// <exception cref="ModelException">It is neither of the two and no number.</exception>
    internal int? ParseTile() => Tile switch
    {
        "auto" => null,
        "off" => 0,
        _ when int.TryParse(Tile, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var side) && side is >= 16 and <= 65536 => side,
        _ => throw new ModelException($"tile '{Tile}': expected auto, off or a side of 16 to 65536 pixels"),
    };
}
