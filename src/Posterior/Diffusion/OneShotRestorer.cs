using System.Text.Json.Serialization;
using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>A model that maps a picture made of the measurement to the restored image in one evaluation, as it was trained to for one degradation (SwinIR, DnCNN, DRUNet).</summary>
public abstract class OneShotRestorer : ImagePredictor
{
    /// <inheritdoc/>
    public override string Kind => "a one-shot restorer";

    /// <summary>Height and width of the image as a multiple of those of the picture: 1, except for super-resolution from the small picture.</summary>
    public abstract int Scale { get; }

    /// <summary>What picture the model was trained on.</summary>
    public abstract RestorerInput Input { get; }

    /// <summary>Restores pictures.</summary>
    /// <param name="picture"><c>[N, C, H, W]</c>, for images in [-1, 1], of any height and width.</param>
    /// <param name="sigma">The standard deviation of the measurement's noise, for images in [-1, 1]; without effect on models that are not told it.</param>
    /// <returns>Images, <c>[N, C, H Scale, W Scale]</c>, in [-1, 1] up to overshoot.</returns>
    public abstract Tensor Restore(Tensor picture, double sigma);
}

/// <summary>How a measurement becomes the picture that a <see cref="OneShotRestorer"/> takes.</summary>
public enum RestorerInput
{
    /// <summary>
    /// The measurement seen as a picture: itself where it has the shape that the model takes, enlarged by bicubic interpolation where it is smaller than the image, else <c>H^+ y</c>.
    /// </summary>
    [JsonStringEnumMemberName("picture")]
    Picture,

    /// <summary>The measurement itself, which must be a picture.</summary>
    [JsonStringEnumMemberName("measurement")]
    Measurement,

    /// <summary><c>H^+ y</c>.</summary>
    [JsonStringEnumMemberName("pseudo-inverse")]
    PseudoInverse,

    /// <summary><c>H^T y</c>.</summary>
    [JsonStringEnumMemberName("adjoint")]
    Adjoint,
}
