using System.Text.Json.Nodes;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Training;

/// <summary>Teaches a prior: the EDM loss at noise levels of a distribution, with classes withheld at random.</summary>
public sealed class PriorObjective : TrainingObjective
{
    private const int SampleCount = 16;

    private readonly INoiseConditioned _network;
    private readonly EdmPreconditioning _scalings;
    private readonly EdmLoss _loss;

    /// <summary>A prior's training.</summary>
    /// <param name="network">The network, an <see cref="INoiseConditioned"/>; it becomes the objective's.</param>
    /// <param name="scalings">EDM's scalings.</param>
    /// <exception cref="ArgumentException">The network is not conditioned on a noise level.</exception>
    public PriorObjective(Module network, EdmPreconditioning scalings)
        : base(network)
    {
        _network = network as INoiseConditioned ?? throw new ArgumentException("a prior's network is conditioned on a noise level", nameof(network));
        (_scalings, _loss) = (scalings, new EdmLoss(scalings));
    }

    /// <summary>The noise levels.</summary>
    public NoiseLevels Noise { get; init; } = new();

    /// <summary>The share of images whose class is withheld, for class-conditional networks.</summary>
    public double LabelDropout { get; init; } = 0.1;

    /// <summary>EDM2's learned weighting of noise levels; null for none. It becomes the objective's.</summary>
    public LearnedUncertainty? Uncertainty { get; init; }

    /// <summary>Settings of the architecture that shapes cannot tell; null for none.</summary>
    public JsonObject? ArchitectureSettings { get; init; }

    /// <inheritdoc/>
    public override IEnumerable<(string Name, Tensor Tensor)> ExtraParameters => Uncertainty?.Parameters ?? [];

    /// <summary>What a catalogue calls the architecture.</summary>
    public string Architecture { get; init; } = "photo-unet";

    /// <inheritdoc/>
    public override string QualityName => "held-out denoising (sigma 25/255), dB";

    /// <summary>The network as it is, as a denoiser.</summary>
    public Denoiser Denoiser => new EdmDenoiser(_network, _scalings, (Noise.Min, Noise.Max));

    /// <inheritdoc/>
    public override Tensor Loss(TrainingBatch batch)
    {
        using var scope = new Scope();
        var draw = DenoisingDraw.Of(batch, Noise, LabelDropout, _network.Classes);
        var loss = _loss.Evaluate(_network, batch.Clean, draw.Sigmas, draw.Noise, draw.Labels);
        return scope.Keep(Uncertainty?.Weigh(loss, draw.Sigmas) ?? loss);
    }

    /// <summary>The PSNR with noise of sigma 25/255 (for images in [0, 1]), in one evaluation, in dB.</summary>
    public override double Quality(TrainingImages heldOut)
    {
        var (sum, multiple, denoiser) = (0.0, _network.SizeMultiple, Denoiser);
        for (var i = 0; i < heldOut.Count; i++)
        {
            using var scope = new Scope();
            var clean = heldOut.Centre(i, 256 / multiple * multiple);
            clean = clean.Narrow(2, 0, clean.Size(2) / multiple * multiple).Narrow(3, 0, clean.Size(3) / multiple * multiple);
            var sigma = new UnitSigma(25.0 / 255).Signed;
            var noisy = clean.AddScaled(new SeededNoise((ulong)i).NormalLike(clean), sigma);
            sum += Psnr.OfSigned((denoiser.Denoise(noisy, sigma) - clean).Square().Mean().Item());
        }
        return sum / Math.Max(1, heldOut.Count);
    }

    /// <summary>Samples of the prior.</summary>
    /// <inheritdoc/>
    public override Tensor? Pictures(TrainingImages heldOut, int crop)
    {
        var size = Math.Max(_network.SizeMultiple, crop / _network.SizeMultiple * _network.SizeMultiple);
        var noise = new SeededNoise([.. Enumerable.Range(0, SampleCount).Select(i => (ulong)i)]);
        return new EdmHeun { Steps = 18 }.Sample(Denoiser, SampleCount, new ImageShape(_network.ImageChannels, size, size), noise);
    }

    /// <inheritdoc/>
    public override ModelCard Describe(ModelCard card) => card with
    {
        Network = Architecture,
        Settings = ArchitectureSettings,
        Channels = _network.ImageChannels,
        ClassCount = _network.Classes,
        Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaMin = Noise.Min, SigmaMax = Noise.Max, SigmaData = _scalings.SigmaData },
    };

    /// <inheritdoc/>
    public override void Dispose()
    {
        Uncertainty?.Dispose();
        base.Dispose();
    }
}
