using Posterior.Diffusion;
using Posterior.Oracles;
using Posterior.Tests.Networks;
using Posterior.Torch;

namespace Posterior.Tests.Diffusion;

public sealed class PreconditioningOracleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "networks", "table", MemberType = typeof(OracleFiles))]
    public void Scalings_and_denoised_images_match_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var compared = 0;
        foreach (var name in oracle.Names.Where(name => name.EndsWith(".coeffs_f64", StringComparison.Ordinal)).Select(name => name.Split('.')[1]))
        {
            Preconditioning scalings = name switch
            {
                "edm" => new EdmPreconditioning(),
                "vp" => new VpPreconditioning(),
                "ve" => new VePreconditioning(),
                "iddpm" => new IddpmPreconditioning(),
                _ => throw new InvalidDataException($"unknown preconditioner {name}"),
            };
            var sigmas = oracle.Doubles("in.sigma");
            var coefficients = oracle.Doubles($"out.{name}.coeffs_f64");
            var x = oracle.Tensor("in.x");
            var expected = oracle.Tensor($"out.{name}.D");
            var scale = expected.Abs().Max().Item();
            for (var i = 0; i < sigmas.Length; i++)
            {
                double[] found = [scalings.CSkip(sigmas[i]), scalings.COut(sigmas[i]), scalings.CIn(sigmas[i]), scalings.CNoise(sigmas[i])];
                for (var c = 0; c < found.Length; c++)
                    Assert.True(Math.Abs(found[c] - coefficients[4 * i + c]) <= 1e-9 * Math.Max(1, Math.Abs(coefficients[4 * i + c])), $"{name} sigma {sigmas[i]} coefficient {c}: expected {coefficients[4 * i + c]}, found {found[c]}");

                var denoiser = new EdmDenoiser(new StubNetwork((input, noise) => input * 0.3 + 0.1 * Math.Sin(noise), (int)x.Size(1)), scalings);
                var error = (denoiser.Denoise(x.Narrow(0, i, 1), sigmas[i]) - expected.Narrow(0, i, 1)).Abs().Max().Item();
                Assert.True(error <= oracle.Tolerance * scale, $"{name} sigma {sigmas[i]}: error {error / scale}");
            }
            compared++;
        }
        Assert.True(compared > 0, "no preconditioner was compared");

        var levels = oracle.Doubles("out.iddpm.u_f64");
        Assert.All(new IddpmPreconditioning().Table.Zip(levels), pair => Assert.Equal(pair.Second, pair.First, 1e-9 * Math.Max(1, pair.Second)));
        Assert.Equal(0, new VpPreconditioning().Sigma(new VpPreconditioning().Time(0.37)) - 0.37, 12);
    }
}
