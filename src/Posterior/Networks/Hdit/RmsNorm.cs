using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Hdit;

/// <summary><c>x s / sqrt(mean x^2 + eps)</c> over the features (Zhang and Sennrich 2019), with a learned scale of the key <c>scale</c>.</summary>
internal sealed class RmsNorm : Module
{
    private const double Epsilon = 1e-6;

    private readonly Parameter _scale;

    /// <summary>A norm with scale 1.</summary>
    public RmsNorm(int width) => _scale = AddParameter("scale", Tensor.Ones([width]));

    /// <summary>Normalises the last dimension.</summary>
    public Tensor Forward(Tensor x) => Apply(x, _scale);

    /// <summary>The norm with a given scale, for all images or for each.</summary>
    public static Tensor Apply(Tensor x, Tensor scale) => RmsNormalisation.Forward(x, scale, Epsilon);
}

/// <summary>The same with the scale <c>1 + linear(condition)</c> for each image (Crowson et al. 2024, Sec. 3.1).</summary>
internal sealed class AdaptiveRmsNorm : Module
{
    private readonly Linear _linear;

    /// <summary>A norm that starts with scale 1.</summary>
    public AdaptiveRmsNorm(int width, int conditionWidth) => _linear = Add("linear", new Linear(conditionWidth, width, bias: false));

    /// <summary>Normalises tokens.</summary>
    /// <param name="x"><c>[N, height, width, features]</c>.</param>
    /// <param name="condition"><c>[N, conditionWidth]</c>.</param>
    public Tensor Forward(Tensor x, Tensor condition)
    {
        using var scope = new Scope();
        return scope.Keep(RmsNorm.Apply(x, _linear.Forward(condition) + 1));
    }
}
