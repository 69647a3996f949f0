using System.Text.Json.Nodes;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Networks.Denoisers;
using Posterior.Networks.Swin;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

[Collection(LiveHandles.Name)]
public sealed class OneShotTests
{
    private static readonly ImageShape _shape = new(3, 16, 24);

    [Fact]
    public void A_denoiser_gives_the_posterior_mean_of_a_noisy_picture()
    {
        using var scope = new Scope();
        using var h = new Identity(_shape);
        var prior = GaussianDenoiser.Isotropic(Tensor.Full(_shape.Batch(1), 0.2), 0.5);
        var measurement = Measurement<ForwardOperator>.Simulate(h, new SeededNoise(1).Normal(_shape.Batch(1)) * 0.5, 0.3, new SeededNoise(2));
        var restoration = new OneShot().RestoreAny(measurement, prior, new SeededNoise(3));
        // For pixels of mean m and variance v the mean given y is m + v / (v + s^2) (y - m).
        var expected = (measurement.Data - 0.2) * (0.25 / (0.25 + 0.09)) + 0.2;
        Assert.Equal(1, restoration.Evaluations);
        Assert.InRange((restoration.Estimate - expected).Abs().Max().Item(), 0, 1e-5);
    }

    [Fact]
    public void The_card_decides_which_picture_of_the_measurement_the_network_sees()
    {
        using var scope = new Scope();
        using var blur = (LinearOperator)OperatorCatalog.Parse("deblur-gauss").Bind(_shape);
        using var small = (LinearOperator)OperatorCatalog.Parse("sr2").Bind(_shape);
        using var identity = new DnCnn(new() { InNc = 3, OutNc = 3, Nc = 2, Nb = 2 });
        identity.Initialise(new SeededNoise(1));
        foreach (var h in new[] { blur, small })
        {
            var y = h.Apply(new SeededNoise(1).Normal(_shape.Batch(1)) * 0.3);
            Near(h.PseudoInverse(y), Restored(h, y, RestorerInput.PseudoInverse));
            Near(h.Adjoint(y), Restored(h, y, RestorerInput.Adjoint));
            Near(h == blur ? y : y.UpsampleBicubic(16, 24), Restored(h, y, RestorerInput.Picture));
        }
        var error = Assert.Throws<MeasurementException>(() => Restored(small, Tensor.Zeros([1, 3, 8, 12]), RestorerInput.Measurement));
        Assert.Equal("the model takes a picture of 3x16x24 for images of 3x16x24, operator 'sr2' gives 3x8x12", error.Message);

        // The network subtracts nothing yet, so the estimate is what it was given.
        Tensor Restored(ForwardOperator h, Tensor y, RestorerInput input) =>
            new OneShot().RestoreAny(new Measurement<ForwardOperator>(y, h, 0.1), new NetworkRestorer(identity, input), new SeededNoise(1)).Estimate;

        static void Near(Tensor expected, Tensor found) => Assert.InRange((found - expected).Abs().Max().Item(), 0, 1e-5);
    }

    [Fact]
    public void A_network_for_super_resolution_takes_the_small_picture_and_no_other_factor()
    {
        using var scope = new Scope();
        using var network = new SwinIr(new() { ImgSize = 8, WindowSize = 4, EmbedDim = 12, Depths = [2], NumHeads = [2], Upscale = 2, Upsampler = "pixelshuffledirect" });
        network.Initialise(new SeededNoise(1));
        var restorer = new NetworkRestorer(network, RestorerInput.Measurement);
        using var twice = OperatorCatalog.Parse("sr2").Bind(_shape);
        using var fourfold = OperatorCatalog.Parse("sr4").Bind(_shape);
        var y = new SeededNoise(1).Normal([1, 3, 8, 12]) * 0.2;
        var found = new OneShot().RestoreAny(new Measurement<ForwardOperator>(y, twice, 0), restorer, new SeededNoise(1)).Estimate;
        Assert.Equal(_shape.Batch(1), found.Shape.ToArray());
        Assert.InRange((found - (network.Forward(y * 0.5 + 0.5) * 2 - 1)).Abs().Max().Item(), 0, 1e-5);
        var error = Assert.Throws<MeasurementException>(() => new OneShot().RestoreAny(new Measurement<ForwardOperator>(Tensor.Zeros([1, 3, 4, 6]), fourfold, 0), restorer, new SeededNoise(1)));
        Assert.Equal("the model takes a picture of 3x8x12 for images of 3x16x24, operator 'sr4' gives 3x4x6", error.Message);
    }

    [Fact]
    public void A_colour_restorer_restores_grey_pictures()
    {
        using var scope = new Scope();
        using var network = new DnCnn(new() { InNc = 3, OutNc = 3, Nc = 4, Nb = 3, ActMode = "R" });
        network.LoadState(Models.CheckpointFixture.RandomWeights(network, 1).ToDictionary(entry => entry.Name, Networks.NetworkOracle.Tensor));
        var grey = new SeededNoise(1).Normal([1, 1, 9, 7]);
        var colour = new NetworkRestorer(network).Restore(grey.Repeat(1, 3, 1, 1), 0.1);
        Assert.InRange((new GreyRestorer(new NetworkRestorer(network)).Restore(grey, 0.1) - colour.Mean([1], keepDimensions: true)).Abs().Max().Item(), 0, 1e-6);
    }

    [Fact]
    public void A_prior_of_the_diffusion_family_needs_no_restorer_and_a_restorer_is_no_prior()
    {
        using var network = new DnCnn(new() { InNc = 3, OutNc = 3, Nc = 2, Nb = 2 });
        var restorer = new NetworkRestorer(network);
        Assert.True(new OneShot().Accepts(restorer));
        Assert.False(new Ddrm().Accepts(restorer));
        using var h = new Identity(_shape);
        using var scope = new Scope();
        var error = Assert.Throws<UnsupportedModelException>(() => new Ddrm().RestoreAny(new Measurement<ForwardOperator>(Tensor.Zeros(_shape.Batch(1)), h, 0.1), restorer, new SeededNoise(1)));
        Assert.Equal("solver 'ddrm' needs a prior, and this is a one-shot restorer; solvers for it: network", error.Message);
    }

    [Fact]
    public void A_measurement_that_the_network_was_not_trained_for_is_named()
    {
        using var network = new DnCnn(new() { InNc = 3, OutNc = 3, Nc = 2, Nb = 2 });
        var card = new ModelCard { ValueRange = [0, 1], RoleSettings = new RestorerCard { Operator = "sr2", NoiseLevels = [0.05, 0.05] }.ToJson() };
        var restorer = new TiledRestorer(RestorerCard.RestorerOf(network, card), new() { BytesPerPixel = 0 });
        using var twice = OperatorCatalog.Parse("sr2").Bind(_shape);
        using var fourfold = OperatorCatalog.Parse("sr4").Bind(_shape);
        Assert.Null(restorer.Warning(twice, 0.1));
        Assert.Null(restorer.Warning(twice, 0.105));
        Assert.Equal("out of distribution: the model was trained for 'sr2', the operator is 'sr4'", restorer.Warning(fourfold, 0.1));
        Assert.Equal("out of distribution: the model was trained on noise of sigma 0.05, this measurement has 0.1", restorer.Warning(twice, 0.2));
        Assert.Null(RestorerCard.RestorerOf(network, new ModelCard { ValueRange = [0, 1] }).Warning(fourfold, 1));
    }

    [Fact]
    public void Noise_levels_and_value_range_of_a_card_reach_the_denoiser()
    {
        using var network = new DrUNet(new() { Nc = [4, 4, 4, 4], Nb = 1 });
        network.Initialise(new SeededNoise(1));
        var card = new ModelCard { Name = "m", ValueRange = [0, 1], RoleSettings = new JsonObject { ["noise_levels"] = new JsonArray(0.01, 0.2) } };
        var denoiser = RestorerCard.DenoiserOf(network, card);
        Assert.Equal((0.02, 0.4), denoiser.SigmaRange);
        using var scope = new Scope();
        // Any height and width, by mirrored borders; x in [-1, 1] is (x + 1) / 2 in [0, 1], and noise has half the standard deviation there.
        var x = new SeededNoise(1).Normal([1, 3, 11, 13]) * 0.3;
        var padded = (x * 0.5 + 0.5).Pad([0, 3, 0, 5], "reflect");
        var expected = network.Restore(padded, Tensor.From([0.05f], 1)).Narrow(2, 0, 11).Narrow(3, 0, 13) * 2 - 1;
        Assert.InRange((denoiser.Denoise(x, 0.1) - expected).Abs().Max().Item(), 0, 1e-5);

        Assert.Contains("states no noise_levels", Assert.Throws<ModelException>(() => RestorerCard.DenoiserOf(network, card with { RoleSettings = null })).Message, StringComparison.Ordinal);
        Assert.Contains("role_settings", Assert.Throws<ModelException>(() => RestorerCard.DenoiserOf(network, card with { RoleSettings = new JsonObject { ["noise_level"] = 1 } })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pnp-admm")]
    [InlineData("red")]
    [InlineData("diffpir")]
    [InlineData("network")]
    public void A_denoiser_of_one_level_works_in_every_plug_and_play_method(string solver)
    {
        using var scope = new Scope();
        using var network = new DnCnn(new() { InNc = 3, OutNc = 3, Nc = 4, Nb = 3 });
        network.Initialise(new SeededNoise(1));
        var levels = new List<double>();
        var denoiser = new RestorerDenoiser(new Recording(new NetworkRestorer(network), levels), (0.1, 0.1));
        using var h = OperatorCatalog.Parse("deblur-gauss").Bind(_shape);
        var y = h.Apply(new SeededNoise(1).Normal(_shape.Batch(1)) * 0.2);
        var measurement = new Measurement<ForwardOperator>(y, h, 0.05);
        // Operators keep what they compute at first use.
        using (new Scope()) SolverCatalog.Create(solver).RestoreAny(measurement, denoiser, new SeededNoise(1));
        var noise = new SeededNoise(1);
        var before = LiveHandles.Count();
        var estimate = SolverCatalog.Create(solver).RestoreAny(measurement, denoiser, noise).Estimate;
        using (new Scope()) Assert.True(estimate.IsFinite().All());
        Assert.All(levels, level => Assert.Equal(0.1, level));
        Assert.NotEmpty(levels);
        estimate.Dispose();
        Assert.Equal(before, Tensor.LiveCount);
    }

    private sealed class Recording(OneShotRestorer inner, List<double> levels) : OneShotRestorer
    {
        public override long? Channels => inner.Channels;

        public override int Scale => inner.Scale;

        public override RestorerInput Input => inner.Input;

        public override Tensor Restore(Tensor picture, double sigma)
        {
            levels.Add(sigma);
            return inner.Restore(picture, sigma);
        }
    }
}
