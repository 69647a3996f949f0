using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>The picture that a one-shot restorer is given for a measurement.</summary>
public static class RestorerPicture
{
    /// <summary>Makes the picture.</summary>
    /// <param name="input">What the restorer takes.</param>
    /// <param name="scale">By how much it enlarges pictures.</param>
    /// <param name="h">The operator.</param>
    /// <param name="y">Measurements, <c>[N, OutputShape]</c>.</param>
    /// <returns><c>[N, C, H / scale, W / scale]</c> for images of H x W; it may be <paramref name="y"/> itself.</returns>
    /// <exception cref="MeasurementException">The operator gives no such picture.</exception>
    public static Tensor Of(RestorerInput input, int scale, ForwardOperator h, Tensor y)
    {
        var fits = IsPicture(h, scale);
        return input switch
        {
            RestorerInput.Adjoint when scale == 1 => Linear(h).Adjoint(y),
            RestorerInput.PseudoInverse when scale == 1 => Linear(h).PseudoInverse(y),
            RestorerInput.Measurement or RestorerInput.Picture when fits => y,
            RestorerInput.Picture when scale == 1 => Bicubic.IsSmaller(h) ? Bicubic.Enlarge(h, y) : Linear(h).PseudoInverse(y),
            _ => throw new MeasurementException($"the model takes a picture of {h.InputShape.Channels}x{h.InputShape.Height / scale}x{h.InputShape.Width / scale} for images of {h.InputShape.Channels}x{h.InputShape.Height}x{h.InputShape.Width}, operator '{h.Name}' gives {string.Join('x', h.OutputShape)}"),
        };
    }

    /// <summary>By how much pictures of an operator are smaller than its images, the same in both directions; null where measurements are no such pictures.</summary>
    public static int? Reduction(ForwardOperator h) =>
        h.OutputShape is [var channels, var height, > 0] && channels == h.InputShape.Channels && height > 0 && IsPicture(h, (int)(h.InputShape.Height / height)) ? (int)(h.InputShape.Height / height) : null;

    /// <summary>Whether measurements are pictures of the image, smaller by a factor: 1 for those of its own shape.</summary>
    internal static bool IsPicture(ForwardOperator h, int scale) => scale > 0
        && h.OutputShape is [var channels, var height, var width] && (channels, height * scale, width * scale) == (h.InputShape.Channels, h.InputShape.Height, h.InputShape.Width);

    private static LinearOperator Linear(ForwardOperator h) =>
        h as LinearOperator ?? throw new MeasurementException($"operator '{h.Name}' is not linear and its measurement is no picture of the image: there is nothing that the model could take");
}
