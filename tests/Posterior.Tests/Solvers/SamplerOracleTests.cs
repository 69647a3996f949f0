using System.Globalization;
using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

/// <summary>Whole runs of solvers and samplers against recorded ones: analytic priors, every random draw replayed.</summary>
public sealed partial class SamplerOracleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "", "sampler", MemberType = typeof(OracleFiles))]
    public void Run_matches_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var spec = oracle.Spec;
        var method = spec.GetProperty("method").GetString();
        double Number(string name) => spec.GetProperty(name).GetDouble();
        int Whole(string name) => spec.GetProperty(name).GetInt32();
        switch (method)
        {
            case "ddrm":
                Restores(oracle, new Ddrm { Steps = Whole("steps"), Eta = Number("eta"), EtaB = Number("eta_b"), FinalProjection = false });
                if (Number("eta") == 1 && Number("eta_b") == 1 && Number("sigma_y") == 0 && !spec.TryGetProperty("guidance", out _))
                    Restores(oracle, new Ilvr { Steps = Whole("steps"), FinalProjection = false });
                break;
            case "ddnm":
                Restores(oracle, new Ddnm { Steps = Whole("steps"), Eta = Number("eta"), TravelLength = Whole("travel_length"), TravelRepeat = Whole("travel_repeat") });
                break;
            case "ddnm_plus":
                Restores(oracle, new DdnmPlus { Steps = Whole("steps"), Eta = Number("eta"), TravelLength = Whole("travel_length"), TravelRepeat = Whole("travel_repeat") });
                break;
            case "ssd":
                Shortcuts(oracle, Shortcut(new Ssd(), spec));
                break;
            case "ssd_plus":
                var plus = (SsdPlus)Shortcut(new SsdPlus { StopTime = Whole("stop_consistency_timestep") }, spec);
                Assert.Equal(Whole("projected_backward_steps"), plus.ProjectedSteps);
                Shortcuts(oracle, plus);
                break;
            case "snips":
                Anneals(oracle);
                break;
            case "dps" or "mcg" or "pigdm" or "pigdm_noisy" or "dps_ddim_reddiff" or "mcg_reddiff" or "reddiff" or "daps":
                Guided(oracle, GuidedSolver(oracle, method));
                break;
            case "dirac":
                ReversesDegradation(oracle);
                break;
            case "indi":
                ReversesBlend(oracle);
                break;
            case "edm_heun" or "edm2_heun":
                Samples(oracle, new EdmHeun
                {
                    Schedule = new KarrasSchedule(Number("sigma_min"), Number("sigma_max"), Number("rho")),
                    Steps = Whole("num_steps"),
                    Churn = Number("S_churn"),
                    ChurnMin = Number("S_min"),
                    ChurnMax = spec.GetProperty("S_max") is { ValueKind: JsonValueKind.Number } most ? most.GetDouble() : double.PositiveInfinity,
                    ChurnNoise = Number("S_noise"),
                    DrawEveryStep = method == "edm_heun",
                });
                break;
            case "kdiff_heun":
                Samples(oracle, Churned(oracle, new EdmHeun()));
                break;
            case "kdiff_euler":
                Samples(oracle, Churned(oracle, new Euler()));
                break;
            case "kdiff_euler_ancestral":
                Samples(oracle, new Ddim { Schedule = Explicit(oracle), Eta = Option(oracle, "eta", 1), NoiseScale = Option(oracle, "s_noise", 1), Clip = false });
                break;
            case "kdiff_dpm_2":
                Samples(oracle, Churned(oracle, new DpmSolver2()));
                break;
            case "kdiff_dpmpp_2s_ancestral":
                Samples(oracle, new DpmSolver2S { Schedule = Explicit(oracle), Eta = Option(oracle, "eta", 1), NoiseScale = Option(oracle, "s_noise", 1) });
                break;
            case "kdiff_dpm_2_ancestral":
                Samples(oracle, new DpmSolver2Ancestral { Schedule = Explicit(oracle), Eta = Option(oracle, "eta", 1), NoiseScale = Option(oracle, "s_noise", 1) });
                break;
            case "kdiff_dpmpp_sde":
                Samples(oracle, new DpmSolverSingleSde { Schedule = Explicit(oracle), Eta = Option(oracle, "eta", 1), NoiseScale = Option(oracle, "s_noise", 1), Between = Option(oracle, "r", 0.5), OnePath = false });
                break;
            case "kdiff_dpmpp_2m_sde":
                Samples(oracle, new DpmSolver2MSde { Schedule = Explicit(oracle), Eta = Option(oracle, "eta", 1), NoiseScale = Option(oracle, "s_noise", 1), Heun = WordOption(oracle, "solver_type", "midpoint") switch { "heun" => true, "midpoint" => false, var other => throw new InvalidDataException($"solver_type '{other}'") } });
                break;
            case "kdiff_dpmpp_3m_sde":
                Samples(oracle, new DpmSolver3MSde { Schedule = Explicit(oracle), Eta = Option(oracle, "eta", 1), NoiseScale = Option(oracle, "s_noise", 1) });
                break;
            case "kdiff_lms":
                Samples(oracle, new LinearMultistep { Schedule = Explicit(oracle), Order = (int)Option(oracle, "order", 4) });
                break;
            case "ddim_reverse":
                var inverted = new Ddim { Schedule = Respaced(spec), Steps = Whole("num_steps"), Clip = spec.GetProperty("clip_denoised").GetBoolean() }.Invert(oracle.Prior(), oracle.Double("x_start"));
                OraclePriors.Close(oracle.Double("x_final"), inverted, oracle.Tolerance, "x_final");
                break;
            case "kdiff_dpmpp_2m":
                Samples(oracle, new DpmSolver2M { Schedule = Explicit(oracle) });
                break;
            case "ddim_unconditional":
                Samples(oracle, new Ddim { Schedule = Respaced(spec), Steps = Whole("num_steps"), Eta = Number("eta"), Clip = spec.GetProperty("clip_denoised").GetBoolean() });
                break;
            case "ddpm_unconditional":
                Samples(oracle, new Ddpm
                {
                    Schedule = Respaced(spec),
                    Steps = Whole("num_steps"),
                    Variance = VarianceOf(spec),
                    Clip = spec.GetProperty("clip_denoised").GetBoolean(),
                });
                break;
            default:
                Assert.False(string.IsNullOrEmpty(method), $"{row}: the spec names no method");
                Skip.If(true, $"method '{method}' is not built");
                break;
        }
    }

    private static void Restores(OracleFile oracle, Solver solver)
    {
        // Single precision, as users run it.
        var spec = oracle.Spec;
        using var h = OracleOperators.Bind(oracle, spec.GetProperty("operator"), DType.Float32);
        Denoiser prior = oracle.Prior();
        if (spec.TryGetProperty("guidance", out var guidance))
        {
            Assert.Equal("quadratic", guidance.GetProperty("type").GetString());
            prior = new ClassifierGuidance(prior, new QuadraticGuide(oracle.Single("guidance_target")), guidance.GetProperty("scale").GetDouble());
        }
        var recorded = new RecordingDenoiser(prior);
        var estimates = new List<Tensor>();
        var result = solver.RestoreAny(Measured(oracle, h), recorded, oracle.Noise(), new Reporter<SolverStep>(step => estimates.Add(step.Estimate.Clone().Own())));

        // Where a step goes wrong first: the noise levels, the first state, the estimates.
        var schedule = VpSchedule.Linear();
        var (times, nexts) = (oracle.Integers("timesteps"), oracle.Integers("timesteps_next"));
        var expected = times.Where((time, k) => nexts[k] < time).Select(time => schedule.Sigma((int)time)).ToArray();
        Assert.Equal(expected.Length, recorded.Calls.Count);
        for (var k = 0; k < expected.Length; k++) Assert.Equal(expected[k], recorded.Calls[k].Sigma, 1e-9 * expected[k]);
        if (oracle.Has("x_init"))
            OraclePriors.Close(oracle.Single("x_init"), recorded.Calls[0].X * (1 / Math.Sqrt(1 + expected[0] * expected[0])), oracle.Tolerance, "x_init");
        if (oracle.Has("x0_pred")) OraclePriors.Close(oracle.Single("x0_pred"), Tensor.Stack([.. estimates]), oracle.Tolerance, "x0_pred");
        OraclePriors.Close(oracle.Single("x_final"), result.Estimate, oracle.Tolerance, "x_final");
        Assert.Equal(expected.Length, result.Evaluations);
        Assert.Equal(expected.Length, solver.Evaluations);
    }

    private static Ssd Shortcut(Ssd solver, JsonElement spec)
    {
        Assert.True(spec.GetProperty("clamp_x0").GetBoolean());
        return solver with
        {
            InversionSteps = spec.GetProperty("forward_steps").GetInt32(),
            Steps = spec.GetProperty("backward_steps").GetInt32(),
            StartTime = spec.GetProperty("t0").GetInt32(),
            InversionEta = spec.GetProperty("noise_eta").GetDouble(),
            Eta = spec.GetProperty("ddim_eta").GetDouble(),
        };
    }

    private static void Shortcuts(OracleFile oracle, Ssd solver)
    {
        using var h = OracleOperators.Bind(oracle, oracle.Spec.GetProperty("operator"), DType.Float32);
        var recorded = new RecordingDenoiser(oracle.Prior());
        var estimates = new List<Tensor>();
        var (y, tolerance) = (Measured(oracle, h), oracle.Tolerance);
        var result = solver.RestoreAny(y, recorded, oracle.Noise(), new Reporter<SolverStep>(step => estimates.Add(step.Estimate.Clone().Own())));

        var (up, down) = (oracle.Integers("forward_timesteps"), oracle.Integers("backward_timesteps"));
        var expected = up[..^1].Concat(down.Reverse()).Select(time => solver.Schedule.Sigma((int)time)).ToArray();
        Assert.Equal(expected.Length, recorded.Calls.Count);
        for (var k = 0; k < expected.Length; k++) Assert.Equal(expected[k], recorded.Calls[k].Sigma, 1e-9 * expected[k]);
        Tensor Preserving(int call) => recorded.Calls[call].X * (1 / Math.Sqrt(1 + expected[call] * expected[call]));
        OraclePriors.Close(oracle.Single("x_start"), Preserving(0), tolerance, "x_start");
        if (oracle.Has("x0_forward")) OraclePriors.Close(oracle.Single("x0_forward"), Tensor.Stack([.. estimates[..(up.Length - 1)]]), tolerance, "x0_forward");
        OraclePriors.Close(oracle.Single("x_inverted"), Preserving(up.Length - 1), tolerance, "x_inverted");
        if (oracle.Has("x0_backward"))
        {
            var corrected = estimates[(up.Length - 1)..].Select((estimate, k) => k < solver.ProjectedSteps ? ((LinearOperator)h).Project(estimate, y.Data) : estimate);
            OraclePriors.Close(oracle.Single("x0_backward"), Tensor.Stack([.. corrected]), tolerance, "x0_backward");
        }
        OraclePriors.Close(oracle.Single("x_final"), result.Estimate, tolerance, "x_final");
        Assert.Equal((expected.Length, expected.Length), (result.Evaluations, solver.EvaluationsWith(recorded)));
    }

    private static void Anneals(OracleFile oracle)
    {
        // In the file's units, images in [0, 1]: the method is free of units.
        using var h = OracleOperators.Bind(oracle, oracle.Spec.GetProperty("operator"), DType.Float32);
        var sigmas = oracle.Doubles("sigmas");
        var solver = new Snips
        {
            Schedule = new ExplicitSchedule(sigmas),
            StepsPerLevel = oracle.Spec.GetProperty("n_steps_each").GetInt32(),
            StepSize = oracle.Spec.GetProperty("step_lr").GetDouble() / (sigmas[^1] * sigmas[^1]),
        };
        var z = oracle.Double("z");
        var noise = new ReplayedNoise([oracle.Double("x_init") * (1 / sigmas[0]), .. Enumerable.Range(0, (int)z.Size(0)).Select(k => z.Select(0, k))]);
        var recorded = new RecordingDenoiser(oracle.Prior());
        var result = solver.RestoreAny(Measured(oracle, h), recorded, noise);
        OraclePriors.Close(oracle.Single("x_init"), recorded.Calls[0].X, oracle.Tolerance, "x_init");
        OraclePriors.Close(oracle.Single("x_final"), result.Estimate, oracle.Tolerance, "x_final");
        Assert.Equal((z.Size(0), z.Size(0), z.Size(0)), (recorded.Calls.Count, result.Evaluations, solver.EvaluationsWith(recorded)));
    }

    private static Measurement<ForwardOperator> Measured(OracleFile oracle, ForwardOperator h) =>
        new(oracle.Single("y").Reshape([oracle.Spec.GetProperty("batch").GetInt32(), .. h.OutputShape]), h, oracle.Spec.GetProperty("sigma_y").GetDouble());

    private static void Samples(OracleFile oracle, Sampler sampler)
    {
        var prior = oracle.Prior();
        if (oracle.Spec.TryGetProperty("guidance", out var weight))
            prior = new ClassifierFreeGuidance(prior, oracle.Prior("guide_prior", "guide"), weight.GetDouble());
        var recorded = new RecordingDenoiser(WithVariance(oracle, prior));
        var shape = oracle.Shape("x_final");
        var result = sampler.Sample(recorded, shape[0], new ImageShape(shape[1], shape[2], shape[3]), oracle.Noise(), DType.Float64);
        if (oracle.Has("call_sigma"))
        {
            var sigmas = oracle.Doubles("call_sigma");
            Assert.Equal(sigmas.Length, recorded.Calls.Count);
            for (var k = 0; k < sigmas.Length; k++) Assert.Equal(sigmas[k], recorded.Calls[k].Sigma, 1e-9 * sigmas[k]);
        }
        OraclePriors.Close(oracle.Double("x_final"), result, oracle.Tolerance, "x_final");
    }

    // What a network with a learned variance would add to the prior: the same everywhere and always.
    private static Denoiser WithVariance(OracleFile oracle, Denoiser prior) => oracle.Has("var_values") ? new GivenVariance(prior, (oracle.Double("var_values") + 1) * 0.5) : prior;

    private static StepVariance VarianceOf(JsonElement spec) => spec.GetProperty("variance") switch
    {
        { ValueKind: JsonValueKind.Null } => StepVariance.Posterior,
        var stated => stated.GetString() switch
        {
            "fixed_small" => StepVariance.Posterior,
            "fixed_large" => StepVariance.Forward,
            "learned_range" => StepVariance.Learned,
            var other => throw new InvalidDataException($"variance '{other}'"),
        },
    };

    private static ChurnedSampler Churned(OracleFile oracle, ChurnedSampler sampler) => sampler with
    {
        Schedule = Explicit(oracle),
        DrawEveryStep = true,
        Churn = Option(oracle, "s_churn", 0),
        ChurnMin = Option(oracle, "s_tmin", 0),
        ChurnMax = Option(oracle, "s_tmax", double.PositiveInfinity),
        ChurnNoise = Option(oracle, "s_noise", 1),
    };

    private static double Option(OracleFile oracle, string name, double otherwise) =>
        oracle.Spec.TryGetProperty("options", out var options) && options.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!.Replace("inf", "Infinity", StringComparison.Ordinal), CultureInfo.InvariantCulture) : value.GetDouble()
            : otherwise;

    private static string WordOption(OracleFile oracle, string name, string otherwise) =>
        oracle.Spec.TryGetProperty("options", out var options) && options.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : otherwise;

    private static ExplicitSchedule Explicit(OracleFile oracle) => new(oracle.Doubles("sigmas")[..^1]);

    // Empty is all times, as guided-diffusion reads it; a list is sections.
    private static VpSchedule Respaced(JsonElement spec) => spec.GetProperty("timestep_respacing") switch
    {
        { ValueKind: JsonValueKind.Number } count => Process(spec).Respace(count.GetRawText()),
        { ValueKind: JsonValueKind.Array } sections => Process(spec).Respace(string.Join(',', sections.EnumerateArray().Select(section => section.GetRawText()))),
        { ValueKind: JsonValueKind.String } text when text.GetString() is { Length: > 0 } spacing => Process(spec).Respace(spacing.Replace(" ", "", StringComparison.Ordinal)),
        _ => Process(spec),
    };

    /// <summary>The process that a spec states; the usual one where it states none.</summary>
    internal static VpSchedule Process(JsonElement spec)
    {
        if (!spec.TryGetProperty("schedule", out var schedule) || schedule.ValueKind != JsonValueKind.Object) return VpSchedule.Linear();
        double Number(string name, double otherwise) => schedule.TryGetProperty(name, out var value) ? value.GetDouble() : otherwise;
        var steps = (int)Number("train_steps", 1000);
        return schedule.GetProperty("type").GetString() switch
        {
            "linear" => VpSchedule.Linear(steps, Number("beta_start", 1e-4), Number("beta_end", 0.02)),
            "cosine" => VpSchedule.Cosine(steps),
            var other => throw new InvalidDataException($"schedule type '{other}'"),
        };
    }

    private sealed class GivenVariance(Denoiser prior, Tensor share) : Denoiser
    {
        public override long? Channels => prior.Channels;

        public override (double Min, double Max) SigmaRange => prior.SigmaRange;

        public override Tensor Denoise(Tensor x, double sigma) => prior.Denoise(x, sigma);

        public override (Tensor Estimate, Tensor VarianceShare) DenoiseWithVariance(Tensor x, double sigma) => (prior.Denoise(x, sigma), share.To(x.DType));
    }

    private sealed class QuadraticGuide(Tensor target) : IClassifierGuide
    {
        public Tensor Gradient(Tensor x, double sigma) => target - x;
    }
}
