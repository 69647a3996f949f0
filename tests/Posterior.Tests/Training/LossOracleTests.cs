using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Tests.Networks;
using Posterior.Tests.Operators;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Training;

/// <summary>Losses and their gradients against values of the authors' code.</summary>
public sealed partial class LossOracleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "", "loss", MemberType = typeof(OracleFiles))]
    public void Loss_and_gradient_match_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var spec = oracle.Spec;
        double Number(string name) => spec.GetProperty(name).GetDouble();
        var loss = spec.GetProperty("loss").GetString();
        switch (loss)
        {
            case "edm" or "edm2":
                Denoising(oracle, new EdmDenoisingLoss(Number("P_mean"), Number("P_std"), Number("sigma_data")), "in.normal_draw");
                break;
            case "vp":
                Denoising(oracle, new VpDenoisingLoss(Number("beta_d"), Number("beta_min"), Number("epsilon_t")), "in.uniform_draw");
                break;
            case "ve":
                Denoising(oracle, new VeDenoisingLoss(Number("sigma_min"), Number("sigma_max")), "in.uniform_draw");
                break;
            case "kdiffusion_denoiser":
                Output(oracle, new EdmPreconditioning(Number("sigma_data")));
                break;
            case "eps_x0":
                NoisePrediction(oracle);
                break;
            case "dirac":
                IncrementalReconstruction(oracle);
                break;
            case "nppc":
                Components(oracle, new NppcLoss(Number("second_moment_loss_lambda"), spec.GetProperty("second_moment_loss_grace").GetInt64()));
                break;
            default:
                Assert.False(string.IsNullOrEmpty(loss), $"{row}: the spec names no loss");
                Skip.If(true, $"loss '{loss}' is not built");
                break;
        }
    }

    private static void Denoising(OracleFile oracle, DenoisingLoss loss, string draws)
    {
        var images = oracle.Tensor("in.images");
        Levels(oracle, loss, draws);
        // From here on the file's levels, whatever float32 made of them: weights are steep.
        var sigmas = oracle.Tensor("out.sigma").Reshape(-1, 1, 1, 1);
        oracle.Close("out.noisy_input", images + sigmas * oracle.Tensor("in.unit_noise"));
        if (oracle.Has("out.weight")) oracle.Close("out.weight", loss.Weights(sigmas).Reshape(oracle.Shape("out.weight")));
        var denoised = Leaf(oracle.Tensor("in.denoised"));
        var logVariance = oracle.Has("in.logvar") ? Leaf(oracle.Tensor("in.logvar")) : null;
        var all = loss.Evaluate(denoised, images, sigmas, logVariance);
        oracle.Close("out.loss", all.Detach());
        var objective = all.Sum() * (1.0 / images.Size(0));
        oracle.Close("out.objective", objective.Detach().Reshape(1));
        Tensor[] inputs = logVariance is null ? [denoised] : [denoised, logVariance];
        var gradients = Tensor.Gradients(objective, null, inputs);
        oracle.Close("grad.denoised", gradients[0]!);
        if (logVariance is not null) oracle.Close("grad.logvar", gradients[1]!);
    }

    // The reference forms sigma^2 = exp(a) - 1 in float32, which leaves an error of exp(a) roundings in it: next to nothing but for the least levels.
    private static void Levels(OracleFile oracle, DenoisingLoss loss, string draws)
    {
        var found = loss.Sigmas(oracle.Double(draws)).ToArray<double>();
        var expected = oracle.Doubles("out.sigma");
        Assert.Equal(expected.Length, found.Length);
        var limit = oracle.Tolerance * expected.Max();
        for (var i = 0; i < expected.Length; i++)
        {
            var rounding = loss is VpDenoisingLoss ? 4 * SingleRounding * (1 + found[i] * found[i]) / (2 * found[i]) : 0;
            Assert.True(Math.Abs(found[i] - expected[i]) <= limit + rounding, $"{oracle.Name} out.sigma[{i}]: {found[i]:R}, expected {expected[i]:R}");
        }
    }

    private const double SingleRounding = 1.0 / (1 << 24);

    private static void Output(OracleFile oracle, EdmPreconditioning scalings)
    {
        var (clean, sigmas) = (oracle.Tensor("in.input"), oracle.Doubles("in.sigma"));
        var noisy = clean + oracle.Tensor("in.noise") * oracle.Tensor("in.sigma").Reshape(-1, 1, 1, 1);
        var output = Leaf(oracle.Tensor("in.model_output"));
        var plain = new OutputLoss(scalings);
        oracle.Close("out.model_input", plain.Input(noisy, sigmas));
        oracle.Close("out.denoised", plain.Denoised(output, noisy, sigmas).Detach());
        Vector("out.c_skip", scalings.CSkip);
        Vector("out.c_out", scalings.COut);
        Vector("out.c_in", scalings.CIn);
        var compared = 0;
        foreach (var name in oracle.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal) && name.EndsWith(".loss", StringComparison.Ordinal)).Select(name => name.Split('.')[1]).ToArray())
        {
            var loss = plain with
            {
                Weighting = name switch
                {
                    "karras" => OutputWeighting.Karras,
                    "soft-min-snr" => OutputWeighting.SoftMinSnr,
                    "snr" => OutputWeighting.Snr,
                    _ => throw new InvalidDataException($"weighting '{name}'"),
                },
            };
            Vector($"out.{name}.weight", loss.Weight);
            var each = loss.Evaluate(output, clean, noisy, sigmas);
            oracle.Close($"out.{name}.loss", each.Detach());
            oracle.Close($"grad.{name}.model_output", Tensor.Gradients(each.Mean(), null, [output])[0]!);
            compared++;
        }
        Assert.True(compared > 0, $"{oracle.Name}: no weighting");

        void Vector(string name, Func<double, double> map) => oracle.Close(name, Tensor.From([.. sigmas.Select(map)], sigmas.Length));
    }

    private static void NoisePrediction(OracleFile oracle)
    {
        var loss = new NoisePredictionLoss(oracle.Doubles("in.betas"));
        oracle.Close("out.gammas", Tensor.From(loss.Gammas.ToArray(), loss.Gammas.Count));
        var (clean, noise, predicted, mask) = (oracle.Tensor("in.x0"), oracle.Tensor("in.unit_noise"), oracle.Tensor("in.eps_prediction"), oracle.Find("in.mask"));
        double[] gammas = [.. oracle.Integers("in.timesteps").Zip(oracle.Doubles("in.uniform_draw"), loss.Gamma)];
        oracle.Close("out.sampled_gamma", Tensor.From(gammas, gammas.Length));
        var noisy = NoisePredictionLoss.Noisy(clean, noise, gammas);
        oracle.Close("out.x_t", noisy);
        var restored = NoisePredictionLoss.Clean(noisy, predicted, gammas);
        oracle.Close("out.x0_from_eps", restored);
        oracle.Close("out.eps_loss", NoisePredictionLoss.Evaluate(predicted, noise).Mean().Reshape(1));
        oracle.Close("out.eps_loss_l1", NoisePredictionLoss.EvaluateAbsolute(predicted, noise).Mean().Reshape(1));
        oracle.Close("out.x0_loss_per_sample", NoisePredictionLoss.Evaluate(restored, clean));
        oracle.Close("out.x0_loss", NoisePredictionLoss.Evaluate(restored, clean).Mean().Reshape(1));
        if (mask is null) return;
        oracle.Close("out.masked_network_input", NoisePredictionLoss.Painted(noisy, clean, mask));
        oracle.Close("out.masked_eps_loss", NoisePredictionLoss.Evaluate(predicted, noise, mask).Mean().Reshape(1));
    }

    private static void IncrementalReconstruction(OracleFile oracle)
    {
        var spec = oracle.Spec;
        var noise = new GeometricNoise(spec.GetProperty("noise").GetProperty("sigma_min").GetDouble(), spec.GetProperty("noise").GetProperty("sigma_max").GetDouble());
        var process = SeverityOracleTests.Process(oracle, spec.GetProperty("operator"));
        var (clean, times) = (oracle.Tensor("in.clean"), oracle.Doubles("in.t_this"));
        var step = spec.GetProperty("dt").GetDouble();
        oracle.Close("in.noise_std", Tensor.From([.. times.Select(noise.Sigma)], times.Length, 1));
        oracle.Close("in.t_next", Tensor.From([.. times.Select(time => Math.Max(time - step, 0))], times.Length, 1));
        oracle.Close("in.degraded_this", process.Degrade(clean, times));
        oracle.Close("in.degraded_next", process.Degrade(clean, oracle.Doubles("in.t_next")));
        var prediction = Leaf(oracle.Tensor("in.x0_prediction"));
        oracle.Close("out.y_hat_this", process.Degrade(prediction, times).Detach());
        oracle.Close("out.y_hat_next", process.Degrade(prediction, oracle.Doubles("in.t_next")).Detach());
        // The published names: dt = 0 is the denoising loss, none the loss of clean images.
        foreach (var (name, dt) in new (string, double?)[] { ("mse_loss", 0), ("inc_recon_loss", step), ("mse_x_loss", null) })
        {
            var plain = new IncrementalReconstructionLoss(process, noise, dt) { Weighting = TimeWeighting.None };
            foreach (var (group, weighting) in new[] { ("noise", TimeWeighting.Noise), ("time", TimeWeighting.Time) })
            {
                var weighted = (plain with { Weighting = weighting }).Evaluate(prediction, clean, times).Mean();
                oracle.Close($"out.{group}.{name}", plain.Evaluate(prediction, clean, times).Mean().Detach().Reshape(1));
                oracle.Close($"out.{group}.weighted_{name}", weighted.Detach().Reshape(1));
                if (oracle.Has($"grad.{group}.weighted_{name}")) oracle.Close($"grad.{group}.weighted_{name}", Tensor.Gradients(weighted, null, [prediction])[0]!);
            }
        }
    }

    [Fact]
    public void The_incremental_loss_at_dt_1_compares_behind_what_is_left_at_time_0_and_that_of_clean_images_does_not()
    {
        using var scope = new Scope();
        var process = new SeverityProcess(new BlurSeverity(2, 0.5, 9));
        var (prediction, clean) = (new SeededNoise(1).Normal([1, 3, 16, 16]), Tensor.Zeros([1, 3, 16, 16]));
        double Loss(double? step) => new IncrementalReconstructionLoss(process, new(0.01, 0.05), step) { Weighting = TimeWeighting.None }.Evaluate(prediction, clean, [0.7]).Item();
        Assert.Equal(process.Degrade(prediction, [0.0]).Square().Sum().Item(), Loss(1), 1e-4 * Loss(1));
        Assert.Equal(prediction.Square().Sum().Item(), Loss(null), 1e-4 * Loss(null));
        Assert.True(Loss(1) < 0.9 * Loss(null));
    }

    private static void Components(OracleFile oracle, NppcLoss loss)
    {
        var raw = Leaf(oracle.Tensor("in.raw_directions"));
        var terms = NppcLoss.Evaluate(raw, oracle.Tensor("in.x_org"), oracle.Tensor("in.x_restored"));
        oracle.Close("out.directions", terms.Directions.Detach());
        oracle.Close("out.err_mse", terms.SquaredError);
        oracle.Close("out.err_proj", terms.Projections.Detach());
        oracle.Close("out.w_norms", terms.Lengths.Detach());
        oracle.Close("out.reconst_err", terms.Unexplained.Detach());
        oracle.Close("out.second_moment_mse", terms.SecondMoments.Detach());
        foreach (var step in oracle.Spec.GetProperty("steps").EnumerateArray().Select(step => step.GetInt64()))
        {
            oracle.Close($"out.step{step}.lambda", Tensor.From([loss.WeightAt(step)], 1));
            var objective = loss.Combine(terms, step).Mean();
            oracle.Close($"out.step{step}.objective", objective.Detach().Reshape(1));
            oracle.Close($"grad.step{step}.raw_directions", Tensor.Gradients(objective, null, [raw], retainGraph: true)[0]!);
        }
    }

    private static Tensor Leaf(Tensor values)
    {
        values.RequiresGrad = true;
        return values;
    }
}
