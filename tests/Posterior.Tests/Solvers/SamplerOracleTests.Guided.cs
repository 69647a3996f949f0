using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

// The solvers of the samplers-gradient folder: DPS, MCG, PiGDM, RED-diff, DAPS.
public sealed partial class SamplerOracleTests
{
    private static void Guided(OracleFile oracle, Solver solver)
    {
        // Single precision, as users run it.
        var spec = oracle.Spec;
        using var h = OracleOperators.Bind(oracle, spec.GetProperty("operator"), DType.Float32);
        var recorded = new RecordingDenoiser(WithVariance(oracle, oracle.Prior()));
        var method = spec.GetProperty("method").GetString();
        // Replays without a noise term, whatever noise the data have.
        var sigma = method == "pigdm" ? 0 : spec.GetProperty("sigma_y").GetDouble();
        var measurement = new Measurement<ForwardOperator>(oracle.Single("y").Reshape([oracle.Shape("x_final")[0], .. h.OutputShape]), h, sigma);
        var noise = oracle.Has("z_meas") ? WithMeasurementDraws(oracle) : oracle.Noise();
        var result = solver.RestoreAny(measurement, recorded, noise);
        if (oracle.Has("timesteps"))
        {
            var schedule = Process(spec);
            var expected = oracle.Integers("timesteps").Reverse().Select(time => schedule.Sigma((int)time)).ToArray();
            Assert.Equal(expected.Length, recorded.Calls.Count);
            for (var k = 0; k < expected.Length; k++) Assert.Equal(expected[k], recorded.Calls[k].Sigma, 1e-9 * expected[k]);
            if (oracle.Has("x_init"))
                OraclePriors.Close(oracle.Single("x_init"), recorded.Calls[0].X * (1 / Math.Sqrt(1 + expected[0] * expected[0])), oracle.Tolerance, "x_init");
        }
        OraclePriors.Close(oracle.Single("x_final"), result.Estimate, oracle.Tolerance, "x_final");
        Assert.Equal(0, noise.Remaining);
        Assert.Equal(recorded.Calls.Count, result.Evaluations);
        Assert.Equal(recorded.Calls.Count, solver.EvaluationsWith(recorded));
    }

    private static ReplayedNoise WithMeasurementDraws(OracleFile oracle)
    {
        var (image, measured) = (oracle.Double("z"), oracle.Double("z_meas"));
        return new([oracle.Double("z_init"), .. Enumerable.Range(0, (int)image.Size(0)).SelectMany(k => new[] { image.Select(0, k), measured.Select(0, k) })]);
    }

    private static Solver GuidedSolver(OracleFile oracle, string method)
    {
        var spec = oracle.Spec;
        double Number(string name) => spec.GetProperty(name).GetDouble();
        int Whole(string name) => spec.GetProperty(name).GetInt32();
        bool Flag(string name) => spec.GetProperty(name).GetBoolean();
        string Word(string name) => spec.GetProperty(name).GetString()!;
        // Times 0, skip, 2 skip, ... of the steps that were asked for.
        int Requested() => Whole("num_steps_requested");
        switch (method)
        {
            case "dps":
                return new Dps
                {
                    Schedule = Respaced(spec),
                    Steps = Whole("num_steps"),
                    Zeta = Number("zeta"),
                    Eta = Word("sampler") == "ddim" ? Number("eta") : 1,
                    Clip = Flag("clip_denoised"),
                    Variance = VarianceOf(spec),
                    Guidance = Word("guidance") switch { "norm" => DpsGuidance.Norm, "poisson_norm" => DpsGuidance.PoissonNorm, var other => throw new InvalidDataException($"guidance '{other}'") },
                };
            case "dps_ddim_reddiff":
                var original = Flag("original");
                return new Dps
                {
                    Steps = Requested(),
                    Zeta = original ? 2 * Number("grad_term_weight") : 1,
                    Eta = Number("eta"),
                    Clip = false,
                    Guidance = original ? DpsGuidance.Norm : DpsGuidance.SquaredNorm,
                    Start = StartingPoint.PseudoInverse,
                };
            case "mcg":
                return new Mcg
                {
                    Schedule = Respaced(spec),
                    Steps = Whole("num_steps"),
                    Zeta = Number("zeta"),
                    Eta = spec.TryGetProperty("sampler", out var sampler) && sampler.GetString() == "ddim" ? Number("eta") : 1,
                    Clip = Flag("clip_denoised"),
                    Variance = VarianceOf(spec),
                    Form = (spec.TryGetProperty("guidance", out var guidance) ? guidance.GetString() : "norm") switch { "norm" => McgForm.Norm, "poisson_norm" => McgForm.PoissonNorm, var other => throw new InvalidDataException($"guidance '{other}'") },
                };
            case "mcg_reddiff":
                return new Mcg { Steps = Requested(), Zeta = Number("grad_term_weight"), Eta = Number("eta"), Clip = false, Form = McgForm.SquaredNorm, Start = StartingPoint.PseudoInverse };
            case "pigdm":
                return new PiGdm
                {
                    Steps = Requested(),
                    Eta = Number("eta"),
                    Strength = Number("grad_term_weight"),
                    Weighting = Flag("mcg_coefficient") ? PiGdmWeighting.Paper : Flag("awd") ? PiGdmWeighting.Adaptive : PiGdmWeighting.Ddim,
                    ReplaceObserved = Flag("replace_observed"),
                    FollowsReplaced = !Flag("awd"),
                };
            case "pigdm_noisy":
                // No repository lays its times out: the file's own.
                int[] times = [.. oracle.Integers("timesteps").Select(time => (int)time)];
                return new PiGdm
                {
                    Schedule = Process(spec).Respace(times),
                    Steps = times.Length,
                    Eta = Number("eta"),
                    Start = Word("initialisation") switch { "pinv" => StartingPoint.PseudoInverse, "noise" => StartingPoint.Noise, var other => throw new InvalidDataException($"initialisation '{other}'") },
                    Weighting = Word("guidance_coefficient") switch
                    {
                        "sqrt_alpha_t" => PiGdmWeighting.Paper,
                        "sqrt_alpha_s_alpha_t" => PiGdmWeighting.Adaptive,
                        "exact_ddim" => PiGdmWeighting.ExactDdim,
                        var other => throw new InvalidDataException($"guidance_coefficient '{other}'"),
                    },
                };
            case "reddiff":
                Assert.Equal([0.9, 0.99], spec.TryGetProperty("adam_betas", out var betas) ? betas.EnumerateArray().Select(beta => beta.GetDouble()) : [0.9, 0.99]);
                return new RedDiff
                {
                    Steps = Requested(),
                    LearningRate = Number("lr"),
                    // The code's losses are means over the batch.
                    Epsilon = Number("adam_eps") * spec.GetProperty("image_shape")[0].GetInt32(),
                    PriorWeight = Number("grad_term_weight"),
                    DataWeight = Number("obs_weight"),
                    Width = Number("sigma_x0"),
                    Weighting = Word("denoise_term_weight") switch
                    {
                        "linear" => RedDiffWeighting.Linear,
                        "sqrt" => RedDiffWeighting.SquareRoot,
                        "square" => RedDiffWeighting.Square,
                        "log" => RedDiffWeighting.Logarithm,
                        "trunc_linear" => RedDiffWeighting.Truncated,
                        "power2over3" => RedDiffWeighting.TwoThirds,
                        "const" => RedDiffWeighting.Constant,
                        var other => throw new InvalidDataException($"denoise_term_weight '{other}'"),
                    },
                };
            default:
                foreach (var grid in new[] { "annealing", "ode" })
                    Assert.Equal("poly-7", spec.GetProperty(grid).TryGetProperty("timestep", out var form) ? form.GetString() : "poly-7");
                var (annealing, chain, flow) = (spec.GetProperty("annealing"), spec.GetProperty("mcmc"), spec.GetProperty("ode"));
                return new Daps
                {
                    MoveByMove = true,
                    Steps = annealing.GetProperty("num_steps").GetInt32(),
                    SigmaMax = annealing.GetProperty("sigma_max").GetDouble(),
                    SigmaMin = annealing.GetProperty("sigma_min").GetDouble(),
                    FlowSteps = flow.GetProperty("num_steps").GetInt32(),
                    FlowSigmaMin = flow.GetProperty("sigma_min").GetDouble(),
                    Moves = chain.GetProperty("num_steps").GetInt32(),
                    LearningRate = chain.GetProperty("lr").GetDouble(),
                    LearningRateDecay = chain.GetProperty("lr_min_ratio").GetDouble(),
                    Tau = chain.GetProperty("tau").GetDouble(),
                    Momentum = chain.GetProperty("mc_algo").GetString() switch
                    {
                        "hmc" => chain.GetProperty("momentum").GetDouble(),
                        "langevin" => null,
                        var other => throw new InvalidDataException($"mc_algo '{other}'"),
                    },
                    PriorSigma = chain.TryGetProperty("prior_sigma_min", out var level) ? level.GetDouble() : 0.1,
                    Prior = chain.GetProperty("prior_solver").GetString() switch
                    {
                        "gaussian" => DapsPrior.Gaussian,
                        "exact" => DapsPrior.Exact,
                        "score-min" => DapsPrior.ScoreAtEstimate,
                        "score-t" => DapsPrior.ScoreOfState,
                        var other => throw new InvalidDataException($"prior_solver '{other}'"),
                    },
                };
        }
    }
}
