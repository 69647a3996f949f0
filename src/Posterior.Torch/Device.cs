using System.Globalization;

namespace Posterior.Torch;

/// <summary>Where a tensor lives.</summary>
/// <param name="Kind">The kind of processor.</param>
/// <param name="Index">Which one of its kind, from 0.</param>
public readonly record struct Device(DeviceKind Kind, int Index = 0)
{
    /// <summary>The host's processor and memory.</summary>
    public static Device Cpu => new(DeviceKind.Cpu);

    /// <summary>The number of CUDA devices that this libtorch can use; 0 for a build without CUDA.</summary>
    public static int CudaCount
    {
        get
        {
            Native.Check(Native.pt_cuda_devices(out var count));
            return count;
        }
    }

    internal long Code => (long)Kind + 256L * Index;

    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
    /// <exception cref="FormatException">The text names no device.</exception>
    public static Device Parse(string text) => text.Split(':') switch
    {
        ["cpu"] => Cpu,
        ["cuda"] => new(DeviceKind.Cuda),
        ["cuda", var index] when int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var i) => new(DeviceKind.Cuda, i),
        _ => throw new FormatException($"'{text}' is no device: expected cpu, cuda or cuda:INDEX"),
    };

    /// <inheritdoc/>
    public override string ToString() => Kind == DeviceKind.Cpu ? "cpu" : string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}");

    internal static Device FromCode(int code) => new((DeviceKind)(code & 255), code >> 8);
}

/// <summary>Kinds of processors; the values are libtorch's <c>DeviceType</c> codes.</summary>
public enum DeviceKind
{
    /// <summary>The host's processor.</summary>
    Cpu = 0,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda = 1,
}
