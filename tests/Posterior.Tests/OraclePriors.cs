using Posterior.Diffusion;
using Posterior.Oracles;
using Posterior.Torch;

namespace Posterior.Tests;

/// <summary>The analytic priors of the oracles, and tensors and comparisons for their tests.</summary>
internal static class OraclePriors
{
    public static Tensor Double(this OracleFile oracle, string name) => Tensor.From(oracle.Doubles(name), oracle.Shape(name));

    public static Tensor Single(this OracleFile oracle, string name) => oracle.Double(name).To(DType.Float32);

    /// <summary>The prior of <c>spec.prior</c>, or another one whose tensors have another prefix.</summary>
    public static Denoiser Prior(this OracleFile oracle, string field = "prior", string prefix = "prior")
    {
        var type = oracle.Spec.GetProperty(field).GetProperty("type").GetString();
        switch (type)
        {
            case "gaussian_diag":
                return GaussianDenoiser.Diagonal(oracle.Double($"{prefix}_mean"), oracle.Double($"{prefix}_var"));
            case "gaussian_full":
                return GaussianDenoiser.WithCovariance(oracle.Double($"{prefix}_mean"), oracle.Double($"{prefix}_cov"));
            case "gaussian_mixture":
                return GaussianMixtureDenoiser.Isotropic(oracle.Doubles($"{prefix}_weights"), oracle.Double($"{prefix}_means"), oracle.Doubles($"{prefix}_stds"));
            case "gaussian_mixture_full":
                var (means, covariances) = (oracle.Double($"{prefix}_means"), oracle.Double($"{prefix}_covs"));
                var weights = oracle.Doubles($"{prefix}_weights");
                return new GaussianMixtureDenoiser(weights, [.. weights.Select((_, i) => GaussianDenoiser.WithCovariance(means.Narrow(0, i, 1), covariances.Select(0, i)))]);
            default:
                Skip.If(true, $"prior '{type}' is not built");
                throw new InvalidOperationException();
        }
    }

    /// <summary>The draws of a file in order: <c>z_init</c>, then the rows of <c>z</c>.</summary>
    public static ReplayedNoise Noise(this OracleFile oracle)
    {
        var draws = new List<Tensor>();
        if (oracle.Has("z_init")) draws.Add(oracle.Double("z_init"));
        if (oracle.Has("z"))
        {
            var z = oracle.Double("z");
            for (var k = 0; k < z.Size(0); k++) draws.Add(z.Select(0, k));
        }
        return new(draws);
    }

    /// <summary>Fails unless the relative Euclidean error is within the file's tolerance.</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
        var error = (actual.To(DType.Float64) - expected.To(DType.Float64)).Norm().Item() / Math.Max(expected.To(DType.Float64).Norm().Item(), 1e-300);
        Assert.True(error <= tolerance, FormattableString.Invariant($"{what}: relative error {error:e3}, allowed {tolerance:e1}"));
    }
}

/// <summary>A denoiser that multiplies the frequencies of each channel, whatever the noise level: linear, so that iterations have fixed points in closed form.</summary>
/// <param name="response">The real gain of each frequency, <c>[H, W]</c>, not shifted.</param>
internal sealed class LinearFilter(Tensor response) : Denoiser
{
    public override long? Channels => null;

    public override (double Min, double Max) SigmaRange => (0, double.PositiveInfinity);

    public override Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = new Scope();
        return scope.Keep((x.Fft2() * response).InverseFft2().Real().To(x.DType).Clone());
    }
}

/// <summary>A prior that writes down how it was called.</summary>
internal sealed class RecordingDenoiser(Denoiser prior) : Denoiser
{
    public List<(Tensor X, double Sigma)> Calls { get; } = [];

    public override long? Channels => prior.Channels;

    public override (double Min, double Max) SigmaRange => prior.SigmaRange;

    public override Tensor Denoise(Tensor x, double sigma)
    {
        Calls.Add((x.Clone().Own(), sigma));
        return prior.Denoise(x, sigma);
    }

    public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma)
    {
        Calls.Add((x.Clone().Own(), sigma));
        return prior.DenoiseWithVariance(x, sigma);
    }
}
