using Posterior.Diffusion;
using Posterior.Networks;
using Posterior.Operators;
using Posterior.Torch;
using Posterior.Torch.Optim;

namespace Posterior.Solvers;

/// <summary>
/// Deep generative prior (Pan, Zhan, Dai, Lin, Loy, Luo 2020): looks for the image of a generator that explains the measurement, first by its latent, then by its
/// latent and its weights together. The weights are put back at the end; each image of a batch has its own search. No model is used.
/// </summary>
/// <remarks>
/// As in the paper the latent is the best of some random ones, and the optimiser is Adam. The misfit is the mean square of <c>H G(z) - y</c>, the paper's MSE-biased
/// form without features of a discriminator, and all weights are fine-tuned at once instead of block after block.
/// </remarks>
/// <param name="Generator">The generator, which stays the caller's; it must not be used by others meanwhile.</param>
public sealed record Dgp(IGenerator Generator) : Solver<LinearOperator, ImagePredictor>
{
    /// <inheritdoc/>
    public override string Name => "dgp";

    /// <inheritdoc/>
    public override bool HandlesNoise => false;

    /// <summary>None of a model; the generator is evaluated <see cref="Reports"/> times, and for <see cref="Candidates"/>.</summary>
    public override int Evaluations => 0;

    /// <inheritdoc/>
    public override int Reports => LatentSteps + WeightSteps;

    /// <inheritdoc/>
    public override string Remedy => "lower the learning rates";

    /// <summary>How many random latents compete to be the first.</summary>
    public int Candidates { get; init; } = 500;

    /// <summary>Steps of the latent alone.</summary>
    public int LatentSteps { get; init; } = 500;

    /// <summary>Steps of latent and weights together.</summary>
    public int WeightSteps { get; init; } = 500;

    /// <summary>Adam's step size for the latent.</summary>
    public double LatentRate { get; init; } = 1e-2;

    /// <summary>Adam's step size for the weights.</summary>
    public double WeightRate { get; init; } = 1e-4;

    /// <inheritdoc/>
    protected override IEnumerable<string> Problems() =>
    [
        .. Between("candidates", Candidates, 1, 1_000_000), .. Between("latent-steps", LatentSteps, 0, 1_000_000), .. Between("weight-steps", WeightSteps, 0, 1_000_000),
        .. Between("latent-rate", LatentRate, 0, 100), .. Between("weight-rate", WeightRate, 0, 100),
        .. Reports == 0 ? ["latent-steps and weight-steps are both 0"] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    protected override Restoration Run(
        IMeasurement<LinearOperator> measurement, ImagePredictor predictor, NoiseSource noise, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var (y, h) = (measurement.Data, measurement.Operator);
        var images = y.Size(0);
        var latents = Best(y, h, noise, cancellation);
        var results = new List<Tensor>();
        for (var i = 0L; i < images; i++)
        {
            using var inner = new Scope();
            results.Add(inner.Keep(Search(y.Narrow(0, i, 1), h, latents.Narrow(0, i, 1), (step, image) => Report(step, image), cancellation)));
        }
        return new(Tensor.Cat([.. results]), 0);

        // The images are searched one after the other; the steps reported are those of the first.
        void Report(int step, Tensor image)
        {
            if (results.Count > 0 || progress is null) return;
            using var scope = new Scope();
            progress.Report(new(step, Reports, 0, image.Expand(images, image.Size(1), image.Size(2), image.Size(3))));
        }
    }

    // The latent of each image with the least misfit among the candidates.
    private Tensor Best(Tensor y, LinearOperator h, NoiseSource noise, CancellationToken cancellation)
    {
        using var scope = new Scope();
        var shape = (long[])[y.Size(0), .. Generator.LatentShape];
        var best = Draw();
        var least = Misfit(best);
        for (var k = 1; k < Candidates; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            var other = Draw();
            var misfit = Misfit(other);
            var better = misfit.Less(least);
            step.Replace(ref best, better.Reshape([-1, .. Enumerable.Repeat(1L, shape.Length - 1)]).Where(other, best));
            step.Replace(ref least, better.Where(misfit, least));
        }
        return scope.Keep(best);

        Tensor Draw() => noise.Normal(shape, y.DType, y.Device);

        Tensor Misfit(Tensor latent) => (h.Apply(Generator.Generate(latent)) - y).Square().Reshape(y.Size(0), -1).Mean([1]);
    }

    private Tensor Search(Tensor y, LinearOperator h, Tensor start, Action<int, Tensor> report, CancellationToken cancellation)
    {
        using var scope = new Scope();
        var network = Generator.Network;
        var saved = network.NamedTensors.ToDictionary(named => named.Name, named => named.Tensor.Clone());
        network.RequireGrad(false);
        var latent = start.Clone();
        latent.RequiresGrad = true;
        try
        {
            using (var optimiser = new AdamW([("latent", latent)]) { LearningRate = LatentRate })
            {
                for (var i = 0; i < LatentSteps; i++) Step(i, optimiser);
            }
            network.RequireGrad(true);
            using (var optimiser = new AdamW([("latent", latent)]) { LearningRate = LatentRate })
            using (var weights = new AdamW(network.NamedParameters) { LearningRate = WeightRate })
            {
                for (var i = 0; i < WeightSteps; i++) Step(LatentSteps + i, optimiser, weights);
            }
            network.RequireGrad(false);
            return scope.Keep(Generator.Generate(latent).Detach());
        }
        finally
        {
            network.RequireGrad(false);
            network.LoadState(saved);
        }

        void Step(int i, params Optimiser[] optimisers)
        {
            cancellation.ThrowIfCancellationRequested();
            using var step = new Scope();
            Tensor image;
            using (new WithGrad()) image = Generator.Generate(latent);
            var shown = image.Detach();
            report(i, shown);
            // The operator is linear, so the gradient of the misfit with respect to the image needs no recording.
            image.Backward(h.Adjoint(h.Apply(shown) - y) * (2.0 / y.Count));
            foreach (var optimiser in optimisers) optimiser.Step();
            if (optimisers.Length > 1) network.WeightsChanged();
        }
    }
}
