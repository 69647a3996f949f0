using Posterior.Networks.Adm;
using Posterior.Networks.Edm2;
using Posterior.Oracles;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Networks;

/// <summary>EDM2's operators one by one: the files of single layers that hold its weighted sums.</summary>
public sealed class Edm2LayerOracleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "networks", "layers", MemberType = typeof(OracleFiles))]
    public void Operators_match_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        Skip.IfNot(oracle.Text("source")!.Contains("edm2", StringComparison.Ordinal), "layers of another family");
        using var scope = new Scope();
        int[] filter = [.. oracle.Json("resample_filter").EnumerateArray().Select(tap => tap.GetInt32())];
        var t = oracle.Number("t");
        var compared = 0;
        foreach (var layer in oracle.Names.Where(name => name.StartsWith("in.", StringComparison.Ordinal) && name.EndsWith(".weight", StringComparison.Ordinal)).Select(name => name.Split('.')[1]))
        {
            CompareLayer(oracle, layer);
            compared++;
        }
        Compare("out.fourier", () => Fourier(oracle));
        Compare("out.mp_sum", () => MagnitudePreserving.Sum(oracle.Tensor("in.a"), oracle.Tensor("in.b"), t));
        Compare("out.mp_cat", () => MagnitudePreserving.Concatenate(oracle.Tensor("in.a"), oracle.Tensor("in.c"), t));
        Compare("out.mp_silu", () => MagnitudePreserving.Silu(oracle.Tensor("in.a")));
        // Small inputs, so that the constant in the denominator shows.
        Compare("out.normalize_dim1", () => MagnitudePreserving.Normalise(oracle.Tensor("in.a") * 0.01, 1));
        Compare("out.normalize_all", () => MagnitudePreserving.Normalise(oracle.Tensor("in.a") * 0.01, 1, 2, 3));
        Compare("out.resample_down", () => MagnitudePreserving.Resample(oracle.Tensor("in.a"), Resampling.Down, filter));
        Compare("out.resample_up", () => MagnitudePreserving.Resample(oracle.Tensor("in.a"), Resampling.Up, filter));
        Assert.True(compared >= 8, $"{row}: {compared} operators");

        void Compare(string name, Func<Tensor> evaluate)
        {
            if (!oracle.Has(name)) return;
            oracle.Close(name, evaluate());
            compared++;
        }
    }

    [Theory]
    [InlineData(Resampling.Down)]
    [InlineData(Resampling.Up)]
    public void A_filter_that_is_written_out_gives_what_the_short_way_gives(Resampling resampling)
    {
        // [0, 1, 1, 0] is the filter [1, 1] in another length.
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, 3, 8, 6]);
        var difference = MagnitudePreserving.Resample(x, resampling, [1, 1]) - MagnitudePreserving.Resample(x, resampling, [0, 1, 1, 0]);
        Assert.InRange(difference.Abs().Max().Item(), 0, 1e-6);
    }

    // A forward pass in training overwrites the weights by their normalised values.
    private static void CompareLayer(OracleFile oracle, string layer)
    {
        var (weight, x, gain) = (oracle.Tensor($"in.{layer}.weight"), oracle.Tensor($"in.{layer}.x"), oracle.Number("gain"));
        if (weight.Rank == 2)
        {
            using var linear = new Edm2Linear(weight.Size(1), weight.Size(0));
            Check(linear, linear.NormaliseWeights, () => linear.Forward(x, Tensor.Scalar(gain)));
        }
        else
        {
            using var convolution = new Edm2Convolution(weight.Size(1), weight.Size(0), weight.Size(2));
            Check(convolution, convolution.NormaliseWeights, () => convolution.Forward(x) * gain);
        }

        void Check(Module module, Action normalise, Func<Tensor> evaluate)
        {
            module.LoadState(new Dictionary<string, Tensor> { ["weight"] = weight });
            oracle.Close($"out.{layer}.eval", evaluate());
            normalise();
            oracle.Close($"out.{layer}.train", evaluate());
            oracle.Close($"out.{layer}.weight_after_train_forward", module.Parameters.Single());
        }
    }

    private static Tensor Fourier(OracleFile oracle)
    {
        using var fourier = new Edm2Fourier(oracle.Shape("in.fourier.freqs")[0]);
        fourier.LoadState(new Dictionary<string, Tensor> { ["freqs"] = oracle.Tensor("in.fourier.freqs"), ["phases"] = oracle.Tensor("in.fourier.phases") });
        return fourier.Forward(oracle.Tensor("in.fourier.x"));
    }
}
