using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Coefficients of losses whose images each have a noise level or a time of their own.</summary>
internal static class PerImage
{
    /// <summary>A coefficient for each image.</summary>
    /// <param name="values">The level or time of each image.</param>
    /// <param name="map">The coefficient of one.</param>
    /// <param name="like">What it multiplies: its type and device are taken.</param>
    /// <returns><c>[N, 1, 1, 1]</c>.</returns>
    public static Tensor Of(ReadOnlySpan<double> values, Func<double, double> map, Tensor like)
    {
        using var scope = new Scope();
        var coefficients = new double[values.Length];
        for (var i = 0; i < coefficients.Length; i++) coefficients[i] = map(values[i]);
        return scope.Keep(Tensor.From(coefficients, coefficients.Length, 1, 1, 1).To(like.DType).To(like.Device));
    }
}
