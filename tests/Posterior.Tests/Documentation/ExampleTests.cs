using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>The examples of the documentation do what their pages say.</summary>
[Collection(LiveHandles.Name)]
public sealed class ExampleTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-examples-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_example_of_the_README_enlarges_a_picture_four_times()
    {
        var (small, big, model) = (Path.Combine(_folder, "small.png"), Path.Combine(_folder, "big.png"), Path.Combine(_folder, "tiny.safetensors"));
        using var scope = new Scope();
        // An untrained network is the prior of grey noise of its sigma_data: faint, so that nothing leaves [0, 1].
        var picture = new SeededNoise(1).Normal([1, 3, 5, 7]) * 0.05 + 0.5;
        ImageFile.Save(small, picture);
        using (var network = new PhotoUNet(new PhotoUNetSettings { Widths = [8, 8], Blocks = [1, 1], EmbeddingWidth = 16 }))
        {
            network.Initialise(new SeededNoise(2));
            ModelExport.Write(model, network, new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaData = 0.1 } });
        }

        Assert.Equal(20, ReadmeExample.Run(model, small, big));
        var result = ImageFile.Load(big);
        Assert.Equal([1, 3, 20, 28], result.Shape.ToArray());
        // The means of its blocks are the small picture, up to the rounding to 8 bits.
        Assert.True((result.AveragePool(4, 4) - ImageFile.Load(small)).Abs().Max().Item() <= 0.5 / 255 + 1e-6);
    }

    [Fact]
    public void The_operator_of_the_walk_through_obeys_the_laws_and_reads_its_text_form_back()
    {
        using var scope = new Scope();
        var shape = new ImageShape(2, 5, 4);
        var spec = (VignetteSpec)VignetteSpec.Entry.Read(new OperatorText("vignette:0.5", VignetteSpec.Entry, "", "0.5"));
        Assert.Equal("vignette:0.5", spec.Text);
        using var h = (SpectralOperator)spec.Bind(shape, dtype: DType.Float64);
        Assert.True(AdjointTest.Run(h).Holds);
        var x = new SeededNoise(1).Normal(shape.Batch(1), DType.Float64);
        var y = h.Apply(x);
        Assert.Equal(0.5, (y / x).Narrow(2, 0, 1).Narrow(3, 0, 1).Mean().Item(), 1e-12);
        Assert.True((h.PseudoInverse(y) - x).Abs().Max().Item() < 1e-12);
        Assert.Throws<OperatorException>(() => new Vignetting(shape, 1));
    }

    [Fact]
    public void The_solver_of_the_walk_through_returns_known_pixels_and_has_checked_settings()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 6, 5);
        using var h = new Inpainting(shape, Masks.Box(shape, 1, 1, 2, 3));
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.5);
        var measurement = Measurement<Inpainting>.Simulate(h, new SeededNoise(1).Normal(shape.Batch(1)) * 0.5, 0, new SeededNoise(2));
        var result = new Renoise { Steps = 8 }.Restore(measurement, prior, new SeededNoise(3));
        Assert.Equal(8, result.Evaluations);
        Assert.Equal(measurement.Data.ToArray<float>(), (result.Estimate * h.Mask).ToArray<float>());
        Assert.Throws<SolverOptionsException>(() => new Renoise { Steps = 0 }.Restore(measurement, prior, new SeededNoise(3)));
        var named = Renoise.Entry.Create(SolverSettings.Parse(["steps=8"]));
        Assert.Equal(result.Estimate.ToArray<float>(), named.RestoreAny(measurement, prior, new SeededNoise(3)).Estimate.ToArray<float>());
        Assert.Throws<SolverOptionsException>(() => Renoise.Entry.Create(SolverSettings.Parse(["steps=0"])));
    }

    [Fact]
    public void A_solver_outside_the_library_takes_under_40_lines() =>
        Assert.InRange(Repository.Blocks("docs/adding-a-solver.md", "csharp").First().Split('\n').Count(line => line.Trim().Length > 0), 20, 39);

    [Fact]
    public void The_network_of_the_walk_through_is_a_prior_for_any_size()
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 3, 7, 5]);
        // Its weights are zero, so EDM's skip connection is all there is.
        Assert.True((PriorExamples.Network(x, 0.5) - x * 0.5).Abs().Max().Item() < 1e-6);
    }

    [Fact]
    public void The_closed_form_example_is_the_textbook_posterior()
    {
        using var scope = new Scope();
        var (mean, denoised, logEvidence) = PriorExamples.ClosedForm();
        // y = (a + b) / 2 has the variance 0.9, plus 0.01 of noise; its covariance with each pixel is 0.9.
        Assert.Equal([0.9 / 0.91 * 0.3, 0.9 / 0.91 * 0.3], mean.To(DType.Float64).ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(-0.5 * (0.09 / 0.91 + Math.Log(2 * Math.PI * 0.91)), logEvidence, 1e-6);
        // Along (1, 1) the prior has the variance 1.8.
        Assert.Equal(1.8 / 1.81 * 0.9 / 0.91 * 0.3, denoised.Max().Item(), 1e-6);
    }

    [Fact]
    public void The_example_of_uncertainty_judges_and_splits_a_restoration()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 64, 64);
        using var h = new BlockAverage(shape, 4);
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros(shape.Batch(1)), 0.5);
        var measurement = Measurement<BlockAverage>.Simulate(h, new SeededNoise(1).Normal(shape.Batch(1)) * 0.5, 0.2, new SeededNoise(2));
        var path = Path.Combine(_folder, "truth.png");
        var (verdict, map) = UncertaintyExamples.Samples(measurement, prior, path);
        Assert.Equal(3 * 16 * 16, verdict.DegreesOfFreedom);
        Assert.True(h.Apply(map.Invention).Abs().Max().Item() < 1e-5);
        Assert.Equal(4 * 64 + 5 * 6, ImageFile.Load(path).Size(3));
    }

    [Fact]
    public void The_example_of_samplers_draws_from_what_guidance_makes_of_two_normal_priors()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 64, 64);
        // D - G is the same at all pixels, so the guided prior is the strong one with its mean moved by as much again.
        var (strong, weak) = (GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.2), 0.3), GaussianDenoiser.Isotropic(Tensor.Full(shape.Batch(1), 0.1), 0.3));
        Assert.Equal(0.3, UncertaintyExamples.Draw(strong, weak).Mean().Item(), 0.02);
    }

    [Fact]
    public void The_examples_of_operators_and_of_the_engine_do_what_they_say()
    {
        using var scope = new Scope();
        Assert.True(OperatorExamples.User().Holds);
        Assert.Equal([1, 3, 64, 64], OperatorExamples.Composed().Shape.ToArray());
        var x = Tensor.From([1f, 2, 4], 3);
        Assert.Equal([1f, 3, 7], EngineExamples.CumulativeSum(x, 0).ToArray<float>());
        Assert.Equal(1, EngineExamples.Normalised(x).Norm().Item(), 1e-6);
    }
}
