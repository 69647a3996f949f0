using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a model of blends of images and their measurements (InDI).</summary>
/// <param name="network">The network; it becomes the objective's.</param>
/// <param name="role">Degradation and noise.</param>
/// <param name="crop">Height and width of training crops.</param>
public sealed class IndiObjective(ReversalNetwork network, BlendCard role, int crop) : ReversalObjective(network, crop)
{
    private readonly SeveritySpec _degradation = OperatorCatalog.Parse(role.Degradation) as SeveritySpec ?? throw new TrainingException($"the degradation '{role.Degradation}' is none by severity");

    /// <inheritdoc/>
    public override ModelCard Describe(ModelCard model) => role.In(Architecture(model));

    /// <inheritdoc/>
    protected override Tensor State(Tensor clean, double[] times, NoiseSource noise)
    {
        using var scope = new Scope();
        var (sigma, epsilon) = (new UnitSigma(role.Sigma).Signed, new UnitSigma(role.Epsilon).Signed);
        var measured = _degradation.Degrade(clean, [.. times.Select(_ => _degradation.Severity)]).AddScaled(noise.NormalLike(clean), sigma);
        var blend = clean + (measured - clean) * PerImage.Of(times, time => time, clean);
        // t eps_t = epsilon sqrt(t).
        return scope.Keep(epsilon > 0 ? blend.AddProduct(noise.NormalLike(clean), PerImage.Of(times, time => epsilon * Math.Sqrt(time), clean)) : blend);
    }

    /// <inheritdoc/>
    protected override Tensor Predict(Tensor state, double[] times) => new NetworkBlendReverser(Conditioned, _degradation, role.Sigma, 0).PredictEach(state, times);

    /// <inheritdoc/>
    protected override Tensor Loss(Tensor prediction, Tensor clean, double[] times)
    {
        using var scope = new Scope();
        return scope.Keep(BlendingLoss.Evaluate(prediction, clean, times) * (1.0 / (clean.Count / clean.Size(0))));
    }
}
