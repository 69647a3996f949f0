using Posterior.Torch;

namespace Posterior.Training;

/// <summary>How the error of a restored image is measured in a training.</summary>
public enum RestorerLoss
{
    /// <summary>The mean absolute error.</summary>
    L1,

    /// <summary>The mean squared error.</summary>
    L2,

    /// <summary><c>sqrt(e^2 + 0.001^2)</c>, an absolute error that is smooth at 0 (Charbonnier et al. 1994; SwinIR, Eq. 7).</summary>
    Charbonnier,
}

internal static class RestorerLosses
{
    private const double Epsilon = 1e-3;

    /// <summary>The loss of each image, <c>[N]</c>.</summary>
    /// <param name="loss">Which loss.</param>
    /// <param name="error">Errors for images in [0, 1], <c>[N, C, H, W]</c>.</param>
    public static Tensor Of(this RestorerLoss loss, Tensor error)
    {
        using var scope = new Scope();
        var each = loss switch
        {
            RestorerLoss.L1 => error.Abs(),
            RestorerLoss.L2 => error.Square(),
            _ => (error.Square() + Epsilon * Epsilon).Sqrt(),
        };
        return scope.Keep(each.Mean([1, 2, 3]));
    }
}
