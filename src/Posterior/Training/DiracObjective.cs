using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a model of a degradation process, with the incremental reconstruction loss.</summary>
public sealed class DiracObjective : ReversalObjective
{
    private readonly SeverityProcess _process;
    private readonly IncrementalReconstructionLoss _loss;
    private readonly ReverserCard _role;

    /// <summary>A training.</summary>
    /// <param name="network">The network; it becomes the objective's.</param>
    /// <param name="role">The process.</param>
    /// <param name="step">dt of the loss; 1 compares the clean images, with no A_0 between.</param>
    /// <param name="weighting">The weight of each time.</param>
    /// <param name="crop">Height and width of training crops.</param>
    /// <exception cref="ModelException">The process makes no sense.</exception>
    public DiracObjective(ReversalNetwork network, ReverserCard role, double step, TimeWeighting weighting, int crop)
        : base(network, crop)
    {
        (_role, _process) = (role, role.Process());
        _loss = new(_process, role.Noise(), step < 1 ? step : null) { Weighting = weighting };
    }

    /// <summary>The network as it is, as a model of the process.</summary>
    public NetworkReverser Reverser => new(Conditioned, _process, _loss.Noise, _role.Stops);

    /// <inheritdoc/>
    public override ModelCard Describe(ModelCard model) => _role.In(Architecture(model));

    /// <inheritdoc/>
    protected override Tensor State(Tensor clean, double[] times, NoiseSource noise)
    {
        using var scope = new Scope();
        return scope.Keep(_process.Degrade(clean, times).AddProduct(noise.NormalLike(clean), PerImage.Of(times, _loss.Noise.Sigma, clean)));
    }

    /// <inheritdoc/>
    protected override Tensor Predict(Tensor state, double[] times) => Reverser.PredictEach(state, times);

    // Over the number of values: about 1 for a network that does nothing, whatever the noise and the size.
    /// <inheritdoc/>
    protected override Tensor Loss(Tensor prediction, Tensor clean, double[] times)
    {
        using var scope = new Scope();
        return scope.Keep(_loss.Evaluate(prediction, clean, times) * (clean.Size(0) / (double)clean.Count));
    }
}
