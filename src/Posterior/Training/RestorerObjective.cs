using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Training;

/// <summary>
/// Teaches a network to restore images in one evaluation: each crop is measured by an operator, with fresh noise, and the network's picture of the measurement should become
/// the crop. With noise levels from an interval, drawn for each crop, the network becomes a denoiser of all of them.
/// </summary>
public sealed class RestorerObjective : TrainingObjective
{
    // Streams of one seed must differ between their uses.
    private const ulong NoiseStream = 0x3C3C3C3C, LevelStream = 0xC3C3C3C3;

    // Pictures are shown in rows of what the network sees, what it makes of it, and the original.
    private const int Shown = 3;

    private readonly string _architecture;
    private readonly Dictionary<ImageShape, ForwardOperator> _operators = [];

    /// <summary>A restorer's training.</summary>
    /// <param name="network">The network, an <see cref="IRestorationNetwork"/> for images in [0, 1]; it becomes the objective's.</param>
    /// <param name="architecture">What the catalogue of models calls it.</param>
    /// <param name="input">What picture of the measurement it sees.</param>
    /// <exception cref="ArgumentException">The network maps no pictures to pictures.</exception>
    public RestorerObjective(Module network, string architecture, RestorerInput input)
        : base(network)
    {
        _architecture = architecture;
        Restorer = new NetworkRestorer(network as IRestorationNetwork ?? throw new ArgumentException("a restorer's network maps pictures to pictures", nameof(network)), input);
    }

    /// <summary>The network as it is.</summary>
    public NetworkRestorer Restorer { get; }

    /// <summary>The degradation.</summary>
    public required OperatorSpec Operator { get; init; }

    /// <summary>The least and the greatest noise level, for images in [0, 1].</summary>
    public required (double Min, double Max) Sigma { get; init; }

    /// <summary>The loss.</summary>
    public RestorerLoss ErrorLoss { get; init; } = RestorerLoss.Charbonnier;

    /// <summary>Whether the network is to be a denoiser for plug-and-play methods, or a restorer.</summary>
    public bool IsDenoiser { get; init; }

    /// <summary>Height and width of the held-out centre crops that the quality is measured on.</summary>
    public int HeldOutSize { get; init; } = 128;

    /// <summary>The noise level at which the quality is measured, for images in [0, 1]: the middle of those of the training.</summary>
    public double HeldOutSigma => (Sigma.Min + Sigma.Max) / 2;

    /// <inheritdoc/>
    public override string QualityName => FormattableString.Invariant($"held-out restoration ({Operator.Text}, sigma {HeldOutSigma:0.####}), dB");

    /// <inheritdoc/>
    public override Tensor Loss(TrainingBatch batch)
    {
        using var scope = new Scope();
        var h = Bound(new(batch.Clean.Size(1), batch.Clean.Size(2), batch.Clean.Size(3)));
        var clean = Crop.Centre(batch.Clean, h.InputShape.Height, h.InputShape.Width);
        var levels = new float[batch.Count];
        for (var i = 0; i < batch.Count; i++) levels[i] = (float)Level(batch.Stream(i, LevelStream));
        var sigmas = Tensor.From(levels, batch.Count);
        Tensor picture;
        using (new NoGrad())
        {
            var y = h.Apply(clean);
            var noise = batch.Noise(NoiseStream).NormalLike(y) * sigmas.Reshape([batch.Count, .. Enumerable.Repeat(1L, y.Rank - 1)]);
            picture = RestorerPicture.Of(Restorer.Input, Restorer.Scale, h, y + noise);
        }
        // Errors for images in [0, 1], in which losses are quoted.
        return scope.Keep(ErrorLoss.Of((Restorer.Restore(picture, sigmas) - clean) * 0.5));
    }

    /// <summary>The mean PSNR of restored held-out centre crops in dB; their noise is the same at each call.</summary>
    /// <inheritdoc/>
    public override double Quality(TrainingImages heldOut)
    {
        var sum = 0.0;
        for (var i = 0; i < heldOut.Count; i++)
        {
            using var scope = new Scope();
            var (clean, _, restored) = Restore(heldOut, i, HeldOutSize);
            sum += Psnr.OfSigned((restored - clean).Square().Mean().Item());
        }
        return sum / Math.Max(1, heldOut.Count);
    }

    /// <summary>Rows of what the network sees, what it makes of it, and the original.</summary>
    /// <inheritdoc/>
    public override Tensor? Pictures(TrainingImages heldOut, int crop)
    {
        if (heldOut.Count == 0) return null;
        using var scope = new Scope();
        var pictures = new List<Tensor>();
        for (var i = 0; i < Shown; i++)
        {
            var (clean, picture, restored) = Restore(heldOut, i % heldOut.Count, crop);
            if (Restorer.Scale > 1) picture = picture.UpsampleNearest(clean.Size(2), clean.Size(3));
            pictures.AddRange([picture, restored, clean]);
        }
        return scope.Keep(Tensor.Cat([.. pictures]));
    }

    /// <inheritdoc/>
    public override ModelCard Describe(ModelCard card) => card with
    {
        Network = _architecture,
        Role = IsDenoiser ? PredictorCatalogue.Prior : PredictorCatalogue.Restorer,
        RoleSettings = new RestorerCard { Input = Restorer.Input, NoiseLevels = [Sigma.Min, Sigma.Max], Operator = IsDenoiser ? null : Operator.Text }.ToJson(),
        Channels = Restorer.Network.ImageChannels,
        ValueRange = [0, 1],
    };

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var h in _operators.Values) h.Dispose();
        base.Dispose();
    }

    // For images in [-1, 1].
    private double Level(RandomStream random) => new UnitSigma(Sigma.Min + (Sigma.Max - Sigma.Min) * random.Uniform()).Signed;

    private (Tensor Clean, Tensor Picture, Tensor Restored) Restore(TrainingImages heldOut, int index, int size)
    {
        var clean = heldOut.Centre(index, size);
        var h = Bound(new(clean.Size(1), clean.Size(2), clean.Size(3)));
        clean = Crop.Centre(clean, h.InputShape.Height, h.InputShape.Width);
        var sigma = new UnitSigma(HeldOutSigma).Signed;
        var y = h.Apply(clean);
        var picture = RestorerPicture.Of(Restorer.Input, Restorer.Scale, h, y.AddScaled(new SeededNoise((ulong)index).NormalLike(y), sigma));
        return (clean, picture, Restorer.Restore(picture, sigma));
    }

    // The operator for the largest image inside a shape.
    private ForwardOperator Bound(ImageShape shape)
    {
        var fitting = Operator.LargestFit(shape);
        if (!_operators.TryGetValue(fitting, out var h)) _operators[fitting] = h = Operator.Bind(fitting);
        return h;
    }
}
