using Posterior.Diffusion;
using Posterior.Oracles;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class ClosedFormTests
{
    [Fact]
    public void A_prior_without_variance_gives_its_mean_also_for_images_without_noise()
    {
        using var scope = new Scope();
        var mean = Tensor.From([0.3, -0.2], 1, 1, 1, 2);
        var x = Tensor.From([1.0, 1.0], 1, 1, 1, 2);
        Assert.Equal([0.3, -0.2], GaussianDenoiser.Isotropic(mean, 0).Denoise(x, 0).ToArray<double>());
        // Certain in one direction, free in the other: the state itself there.
        var covariance = Tensor.From([0.0, 0, 0, 1], 2, 2);
        Assert.Equal([0.3, 1.0], GaussianDenoiser.WithCovariance(mean, covariance).Denoise(x, 0).ToArray<double>());
    }

    [Fact]
    public void A_direction_of_no_length_leaves_the_others_as_they_are()
    {
        using var scope = new Scope();
        var raw = Tensor.From([2.0, 0, 0, 0, 1, 3], 1, 3, 1, 1, 2);
        Assert.Equal([2.0, 0, 0, 0, 0, 3], PrincipalComponents.Orthogonalise(raw).ToArray<double>());
    }

    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "samplers-ode", "posterior", MemberType = typeof(OracleFiles))]
    public void Exact_posteriors_match_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var prior = oracle.Prior();
        var abar = oracle.Spec.GetProperty("abar").GetDouble();
        var sigma = Math.Sqrt((1 - abar) / abar);
        var x = oracle.Double("x_t") * (1 / Math.Sqrt(abar));
        void Check(string name, Tensor actual) => OraclePriors.Close(oracle.Double(name), actual, oracle.Tolerance, name);

        Check("denoised_prior", prior.Denoise(x, sigma));
        var (h, y, sigmaY) = (oracle.Double("H_matrix"), oracle.Double("y_vector"), oracle.Spec.GetProperty("sigma_y").GetDouble());
        double evidence;
        if (prior is GaussianDenoiser gaussian)
        {
            (var posterior, evidence) = gaussian.Condition(h, y, sigmaY);
            Check("posterior_mean", posterior.Mean);
            Check("posterior_cov", posterior.Covariance());
            Check("denoised_posterior", posterior.Denoise(x, sigma));
        }
        else
        {
            (var posterior, evidence) = ((GaussianMixtureDenoiser)prior).Condition(h, y, sigmaY);
            Check("posterior_weights", Tensor.From([.. posterior.Weights], posterior.Weights.Count));
            Check("posterior_means", Tensor.Cat([.. posterior.Components.Select(part => part.Mean)]));
            Check("posterior_covs", Tensor.Stack([.. posterior.Components.Select(part => part.Covariance())]));
            Check("denoised_posterior", posterior.Denoise(x, sigma));
        }
        Assert.Equal(oracle.Doubles("log_evidence")[0], evidence, 1e-5 * Math.Abs(evidence));
    }

    [Fact]
    public void Gaussian_denoiser_shrinks_to_the_mean_by_the_share_of_the_signal()
    {
        using var scope = new Scope();
        var prior = GaussianDenoiser.Diagonal(Tensor.From([1.0, 2], 1, 1, 1, 2), Tensor.From([4.0, 0], 1, 1, 1, 2));
        var x = Tensor.From([6f, 7], 1, 1, 1, 2);
        // 1 + 4 / (4 + 1) (6 - 1), and no variance: the mean.
        Assert.Equal([5f, 2], prior.Denoise(x, 1).ToArray<float>());
    }

    [Fact]
    public void A_diagonal_covariance_matrix_gives_the_diagonal_denoiser()
    {
        using var scope = new Scope();
        var noise = new SeededNoise(3, 4);
        var x = noise.Normal([2, 3, 4, 5], DType.Float64);
        var mean = noise.Normal([2, 3, 4, 5], DType.Float64).Narrow(0, 0, 1);
        var variance = noise.Normal([2, 3, 4, 5], DType.Float64).Narrow(0, 1, 1).Square();
        var diagonal = GaussianDenoiser.Diagonal(mean, variance);
        var full = GaussianDenoiser.WithCovariance(mean, variance.Reshape(-1).Diag());
        OraclePriors.Close(diagonal.Denoise(x, 0.7), full.Denoise(x, 0.7), 1e-12, "estimate");
        OraclePriors.Close(diagonal.LogDensity(x, 0.7), full.LogDensity(x, 0.7), 1e-12, "density");
    }

    [Fact]
    public void The_denoiser_of_a_mixture_is_Tweedies_formula_of_its_density()
    {
        using var scope = new Scope();
        var noise = new SeededNoise(5, 6, 7);
        var means = noise.Normal([3, 1, 2, 2], DType.Float64);
        var prior = GaussianMixtureDenoiser.Isotropic([0.2, 0.5, 0.3], means, [0.3, 0.6, 0.1]);
        var x = noise.Normal([3, 1, 2, 2], DType.Float64);
        x.RequiresGrad = true;
        var score = Tensor.Gradients(prior.LogDensity(x, 0.8).Sum(), null, [x])[0]!;
        OraclePriors.Close(x.Detach() + score * 0.64, prior.Denoise(x.Detach(), 0.8), 1e-12, "x + sigma^2 score");
        OraclePriors.Close(Tensor.Ones([3], DType.Float64), prior.Responsibilities(x.Detach(), 0.8).Sum([0]), 1e-12, "sum of shares");
    }

    [Fact]
    public void A_mixture_of_unequal_lengths_is_refused()
    {
        using var scope = new Scope();
        var part = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 1, 2, 2]), 1);
        Assert.Throws<ArgumentException>(() => new GaussianMixtureDenoiser([0.5, 0.5], [part]));
        Assert.Throws<ArgumentException>(() => new GaussianMixtureDenoiser([-1.0], [part]));
        Assert.Throws<ArgumentException>(() => GaussianDenoiser.WithCovariance(Tensor.Zeros([1, 1, 2, 2]), Tensor.Eye(3)));
    }

    [Fact]
    public void Classifier_guidance_moves_the_predicted_noise_against_the_gradient()
    {
        using var scope = new Scope();
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 1, 1, 1]), 1);
        var x = Tensor.From([3.0], 1, 1, 1, 1);
        var sigma = 2.0;
        var abar = 1 / (1 + sigma * sigma);
        var epsilon = (3.0 - 3.0 / 5) / sigma;
        var gradient = 0.7 - 3 * Math.Sqrt(abar);
        var expected = 3 - sigma * (epsilon - Math.Sqrt(1 - abar) * 1.5 * gradient);
        Assert.Equal(expected, new ClassifierGuidance(prior, new Pull(0.7), 1.5).Denoise(x, sigma).Item(), 1e-12);
    }

    [Theory]
    [InlineData(1, 0.6)]
    [InlineData(0, 2.4)]
    [InlineData(2, -1.2)]
    public void Classifier_free_guidance_extrapolates_from_the_guide(double weight, double expected)
    {
        using var scope = new Scope();
        var prior = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 1, 1, 1]), 0.5);
        var guide = GaussianDenoiser.Isotropic(Tensor.Zeros([1, 1, 1, 1]), 2);
        Assert.Equal(expected, new ClassifierFreeGuidance(prior, guide, weight).Denoise(Tensor.From([3.0], 1, 1, 1, 1), 1).Item(), 1e-12);
    }

    private sealed class Pull(double target) : IClassifierGuide
    {
        public Tensor Gradient(Tensor x, double sigma) => target - x;
    }
}
