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

    /// <summary>The class of the image, for class-conditional models and for <see cref="Classifier"/>; null for none.</summary>
    public int? Class { get; init; }

    /// <summary>
    /// How strongly the model is moved away from a weaker one: 1 follows the model, above 1 exaggerates what sets the two apart. The weaker one is <see cref="Guide"/>
    /// (autoguidance, Karras et al. 2024), else the model without its class (classifier-free guidance, Ho and Salimans 2022).
    /// </summary>
    public double Guidance { get; init; } = 1;

    /// <summary>A weaker model, as <see cref="Model"/>; null for none.</summary>
    public string? Guide { get; init; }

    /// <summary>A classifier of noisy images that pulls towards <see cref="Class"/> (Dhariwal and Nichol 2021); null for none.</summary>
    public string? Classifier { get; init; }

    /// <summary>How strongly the classifier pulls; null for 1, Bayes' rule.</summary>
    public double? ClassifierScale { get; init; }

    /// <summary><c>cpu</c>, <c>cuda</c> or <c>cuda:INDEX</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>The number format of the network: <c>f32</c> or <c>bf16</c>.</summary>
    public string Dtype { get; init; } = "f32";

    /// <summary><c>auto</c> cuts large images as memory demands, <c>off</c> never, a number is the side of a tile in pixels.</summary>
    public string Tile { get; init; } = "auto";

    /// <summary>How many denoising networks one evaluation of the prior asks.</summary>
    internal int Networks => Guidance == 1 ? 1 : 2;

    /// <summary>These settings without the names of files and the place of work: what remains decides a result together with the files' contents.</summary>
    internal PriorSettings Anonymous => this with { Model = "", Guide = Guide is null ? null : "", Classifier = Classifier is null ? null : "", Architecture = Architecture is null ? null : "", Device = "" };

    /// <summary>One clause for each way in which the settings of guidance contradict each other.</summary>
    internal IEnumerable<string> GuidanceProblems()
    {
        if (!(Guidance is >= 0 and <= 100)) yield return FormattableString.Invariant($"guidance is {Guidance}, expected 0 to 100");
        else if (Guidance != 1 && Class is null && Guide is null) yield return "guidance needs a class (--class) or a weaker model (--guide)";
        if (Guide is not null && Guidance == 1) yield return "a weaker model (--guide) does nothing at guidance 1, state how strongly it guides (--guidance)";
        if (Classifier is not null && Class is null) yield return "a classifier needs a class to pull towards (--class)";
        if (ClassifierScale is not null && Classifier is null) yield return "a classifier's scale needs a classifier (--classifier)";
        if (ClassifierScale is { } scale && !(scale is >= 0 and <= 1000)) yield return FormattableString.Invariant($"classifier-scale is {scale}, expected 0 to 1000");
    }

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
