using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

/// <summary>Pictures without noise of their own: edges, ramps, waves of several frequencies.</summary>
internal static class Scenes
{
    /// <summary>A picture <c>[1, channels, height, width]</c> in [-1, 1].</summary>
    public static Tensor Of(int channels, int height, int width)
    {
        using var scope = new Scope();
        var y = Tensor.Linspace(0, 1, height).Reshape(1, 1, height, 1);
        var x = Tensor.Linspace(0, 1, width).Reshape(1, 1, 1, width);
        var planes = Enumerable.Range(0, channels).Select(c =>
        {
            var waves = ((x * (60 + 20 * c) + y * 40).Sin() * (y * 8).Cos() + ((x - 0.4).Square() * 200 + (y - 0.6).Square() * (150 + 10 * c)).Sin()) * 0.2;
            var disc = ((x - 0.6).Square() + (y - 0.4).Square()).Less(0.05).To(DType.Float32) * 0.5;
            return waves + disc + x * 0.4 - 0.3;
        });
        return scope.Keep(Tensor.Cat([.. planes], 1));
    }
}
