using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>Iterative solvers without a diffusion against independent implementations: iterates, limits, and the objective that total variation reaches.</summary>
public sealed class ClassicalOracleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "", "classical", MemberType = typeof(OracleFiles))]
    public void Run_matches_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var spec = oracle.Spec;
        using var h = OracleOperators.Bind(oracle, spec.GetProperty("operator"));
        double Number(string name) => spec.GetProperty(name).GetDouble();
        var method = spec.GetProperty("method").GetString();
        switch (method)
        {
            case "red_sd":
                // The file's step is absolute; the solver's is a share of the largest stable one.
                var precision = 1 / (Number("sigma") * Number("sigma"));
                var stable = 2 / (Math.Pow(h.SingularValues.Max().Item(), 2) * precision + Number("lam"));
                Iterates(oracle, h, Number("sigma"), 4000, steps => new Red { Steps = steps, Lambda = Number("lam"), StepSize = Number("mu") / stable, Start = FirstGuess.Adjoint });
                break;
            case "pnp_admm":
                Iterates(oracle, h, Number("sigma_y"), 400, steps => new PnpAdmm { Steps = steps, Rho = Number("rho"), Start = FirstGuess.Adjoint });
                break;
            case "admm_tv":
                Minimises(oracle, h);
                break;
            default:
                Assert.False(string.IsNullOrEmpty(method), $"{row}: the spec names no method");
                Skip.If(true, $"method '{method}' is not built");
                break;
        }
    }

    private static void Iterates(OracleFile oracle, LinearOperator h, double sigma, int limit, Func<int, Solver> make)
    {
        var prior = new LinearFilter(oracle.Double("denoiser_response"));
        var measurement = new Measurement<LinearOperator>(oracle.Double("y"), h, sigma);
        Tensor After(int steps) => make(steps).RestoreAny(measurement, prior, new SeededNoise(1)).Estimate;
        var index = oracle.Integers("iterate_index");
        for (var k = 0; k < index.Length; k++) OraclePriors.Close(oracle.Double("iterates").Select(0, k), After((int)index[k]), oracle.Tolerance, $"iterate {index[k]}");
        OraclePriors.Close(oracle.Double("x_final"), After(oracle.Spec.GetProperty("num_iterations").GetInt32()), oracle.Tolerance, "x_final");
        // How long it takes depends on the file's numbers.
        var (rest, steps) = (oracle.Double("fixed_point"), limit);
        while (4 * steps <= 100_000 && (After(steps) - rest).Norm().Item() > oracle.Tolerance * rest.Norm().Item()) steps *= 4;
        OraclePriors.Close(rest, After(steps), oracle.Tolerance, "fixed_point");
    }

    private static void Minimises(OracleFile oracle, LinearOperator h)
    {
        var spec = oracle.Spec;
        var solver = new AdmmTv
        {
            Lambda = spec.GetProperty("lam").GetDouble(),
            Rho = spec.GetProperty("rho").GetDouble(),
            Edge = spec.GetProperty("boundary").GetString() switch
            {
                "neumann" => TotalVariationEdge.Neumann,
                "periodic" => TotalVariationEdge.Periodic,
                var other => throw new InvalidDataException($"boundary '{other}'"),
            },
        };
        var measurement = new Measurement<LinearOperator>(oracle.Double("y").Reshape([-1, .. h.OutputShape]), h, spec.GetProperty("sigma_y").GetDouble());
        var prior = new LinearFilter(Tensor.Ones([1, 1]));
        Tensor After(int steps) => (solver with { Steps = steps }).Restore(measurement, prior, new SeededNoise(1)).Estimate;
        // Files of several images may state an objective for each, or the sum, which is what is compared.
        double Reached(Tensor x) => solver.Objective(measurement, x).Sum().Item();
        var stated = oracle.Has("objective_iter") ? oracle.Double("objective_iter") : null;
        double[] objectives = stated is null ? [] : stated.Reshape(stated.Size(0), -1).Sum([1]).ToArray<double>();
        foreach (var (k, steps) in new[] { 1, 10, 100 }.Index())
        {
            if (k >= objectives.Length || !oracle.Has($"x_iter_{steps}")) break;
            var iterate = After(steps);
            OraclePriors.Close(oracle.Double($"x_iter_{steps}"), iterate, oracle.Tolerance, $"iterate {steps}");
            Assert.Equal(objectives[k], Reached(iterate), oracle.Tolerance * objectives[k]);
        }
        var (least, final) = (oracle.Doubles("objective").Sum(), After(2000));
        for (var steps = 8000; steps <= 32_000 && Reached(final) > least * (1 + oracle.Tolerance); steps *= 2) final = After(steps);
        Assert.InRange(Reached(final), least * (1 - 1e-6), least * (1 + oracle.Tolerance));
        if (spec.GetProperty("minimiser_unique").GetBoolean()) OraclePriors.Close(oracle.Double("x_final"), final, 100 * oracle.Tolerance, "x_final");
    }
}
