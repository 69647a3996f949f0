using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Solvers;
using Posterior.Tests.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Solvers;

// The solvers that run a degradation backwards: Dirac, InDI.
public sealed partial class SamplerOracleTests
{
    private static void ReversesDegradation(OracleFile oracle)
    {
        // In the file's units, images in [0, 1], in single precision: nothing depends on the units but the noise.
        var spec = oracle.Spec;
        double Number(string name) => spec.GetProperty(name).GetDouble();
        var noise = new GeometricNoise(spec.GetProperty("noise").GetProperty("sigma_min").GetDouble(), spec.GetProperty("noise").GetProperty("sigma_max").GetDouble());
        var process = SeverityOracleTests.Process(oracle);
        var y = oracle.Single("y");
        var (increment, correction) = (spec.GetProperty("degr_update_method"), spec.GetProperty("dc_corr"));
        using var h = process.At(ImageShape.Of(y), Number("start_t"));
        var guided = correction.GetProperty("use").GetBoolean();
        var solver = new Dirac
        {
            Step = Number("dt"),
            Start = Number("start_t"),
            Stop = Number("stop_t"),
            ReturnsEstimate = spec.GetProperty("x0_pred_in_last_step").GetBoolean(),
            IncrementStep = increment.TryGetProperty("del_t", out var small) && small.ValueKind == JsonValueKind.Number ? small.GetDouble() : null,
            Increment = increment.GetProperty("type").GetString() switch
            {
                "look_ahead" => IncrementEstimate.LookAhead,
                "small_look_ahead" => IncrementEstimate.SmallLookAhead,
                "look_back" => IncrementEstimate.LookBack,
                "small_look_back" => IncrementEstimate.SmallLookBack,
                "identity" => IncrementEstimate.Identity,
                var other => throw new InvalidDataException($"degr_update_method '{other}'"),
            },
            Guidance = !guided ? DiracGuidance.None : correction.GetProperty("scale_relative").GetBoolean() ? DiracGuidance.ErrorScaled : DiracGuidance.Constant,
            // The repository adds the gradient.
            Eta = guided ? -correction.GetProperty("step").GetDouble() : 0,
            NoiselessMeasurement = guided && correction.GetProperty("noiseless_meas_available").GetBoolean() ? h.Apply(oracle.Single("x_true")) : null,
        };
        var recorded = new RecordingReverser(new ClosedFormReverser(oracle.Prior(), process, noise));
        var draws = oracle.Noise();
        var estimates = new List<Tensor>();
        var result = solver.RestoreAny(new Measurement<LinearOperator>(y, h, noise.Sigma(solver.Start)), recorded, draws, new Reporter<SolverStep>(step => estimates.Add(step.Estimate.Clone().Own())));

        var times = oracle.Doubles("t_this");
        Assert.Equal(times.Length, recorded.Calls.Count);
        Assert.All(times.Zip(recorded.Calls), pair => Assert.Equal(pair.First, pair.Second.Time, 1e-9));
        Assert.All(oracle.Doubles("sigma").Zip(times), pair => Assert.Equal(pair.First, noise.Sigma(pair.Second), 1e-9));
        OraclePriors.Close(oracle.Single("x_trace"), Tensor.Stack([.. recorded.Calls.Select(call => call.Y)]), oracle.Tolerance, "x_trace");
        OraclePriors.Close(oracle.Single("x0hat_trace"), Tensor.Stack([.. estimates]), oracle.Tolerance, "x0hat_trace");
        OraclePriors.Close(oracle.Double("x_final"), result.Estimate, oracle.Tolerance, "x_final");
        Assert.Equal((0, times.Length, times.Length), (draws.Remaining, result.Evaluations, solver.Evaluations));
    }

    private static void ReversesBlend(OracleFile oracle)
    {
        var spec = oracle.Spec;
        using var h = OracleOperators.Bind(oracle, spec.GetProperty("operator"), DType.Float32);
        var solver = new Indi { Steps = spec.GetProperty("num_steps").GetInt32() };
        var sigma = spec.GetProperty("sigma_y").GetDouble();
        var reverser = new ClosedFormBlendReverser(oracle.Prior(), h, sigma, spec.GetProperty("epsilon").GetDouble());
        var y = oracle.Single("y");
        var draws = oracle.Noise();
        var estimates = new List<Tensor>();
        var result = solver.RestoreAny(
            new Measurement<ForwardOperator>(y.Reshape([y.Size(0), .. h.OutputShape]), h, sigma), reverser, draws, new Reporter<SolverStep>(step => estimates.Add(step.Estimate.Clone().Own())));
        OraclePriors.Close(oracle.Single("x0hat_trace"), Tensor.Stack([.. estimates]), oracle.Tolerance, "x0hat_trace");
        OraclePriors.Close(oracle.Double("x_final"), result.Estimate, oracle.Tolerance, "x_final");
        Assert.Equal((0, solver.Steps), (draws.Remaining, result.Evaluations));
    }

    private sealed class RecordingReverser(DegradationReverser reverser) : DegradationReverser
    {
        public List<(Tensor Y, double Time)> Calls { get; } = [];

        public override long? Channels => reverser.Channels;

        public override SeverityProcess Process => reverser.Process;

        public override GeometricNoise Noise => reverser.Noise;

        public override Tensor Predict(Tensor y, double time)
        {
            Calls.Add((y.Detach().Clone().Own(), time));
            return reverser.Predict(y, time);
        }
    }
}
