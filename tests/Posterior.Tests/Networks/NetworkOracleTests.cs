using System.Text.Json;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Networks.Ddpm;
using Posterior.Oracles;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Networks;

public sealed class NetworkOracleTests
{
    private delegate Tensor Evaluate(Tensor x);

    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "networks", "network", MemberType = typeof(OracleFiles))]
    public void Network_matches_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        using var scope = new Scope();
        var arch = oracle.Spec.GetProperty("arch").GetString()!;
        var (network, evaluate) = Build(arch, oracle);
        using var owned = network;
        network.LoadState(oracle.LoadWeights());

        if (oracle.Has("mid.timestep_embedding"))
        {
            var width = oracle.Shape("mid.timestep_embedding")[1];
            oracle.Close("mid.timestep_embedding", arch == "ddpm" ? SinusoidalEmbedding.SineFirst(oracle.Tensor("in.timesteps"), width) : SinusoidalEmbedding.CosineFirst(oracle.Tensor("in.timesteps"), width));
        }

        var x = oracle.Tensor("in.x");
        var output = oracle.Has("out.D") ? "out.D" : oracle.Has("out.logits") ? "out.logits" : "out.y";
        oracle.Close(output, evaluate(x));
        // The same numbers from channels-last memory: networks take either.
        oracle.Close(output, evaluate(x.Contiguous(channelsLast: true)));
        CompareGradients(oracle, network, evaluate, x);
    }

    private static void CompareGradients(OracleFile oracle, Module network, Evaluate evaluate, Tensor x)
    {
        x.RequiresGrad = true;
        if (oracle.Has("out.logits"))
        {
            var labels = oracle.Tensor("in.y");
            var logProbability = evaluate(x).LogSoftmax(1).Gather(1, labels.Unsqueeze(1)).Squeeze(1);
            oracle.Close("out.log_prob_y", logProbability);
            oracle.Close("grad.x", Tensor.Gradients(logProbability.Sum(), null, [x])[0]!);
            return;
        }

        network.RequireGrad(true);
        var named = network.NamedParameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor);
        var keys = oracle.Json("param_keys").EnumerateArray().Select(key => key.GetString()!).ToArray();
        Assert.Equal(keys.Order(StringComparer.Ordinal), named.Keys.Order(StringComparer.Ordinal));
        var gradients = Tensor.Gradients(evaluate(x), oracle.Tensor("in.cotangent"), [x, .. keys.Select(key => named[key])]);
        oracle.Close("grad.x", gradients[0]!);
        oracle.Close("grad.param_l2", Tensor.From(gradients.Skip(1).Select(gradient => gradient is null ? 0 : gradient.To(DType.Float64).Norm().Item()).ToArray(), keys.Length));
    }

    private static (Module Network, Evaluate Evaluate) Build(string arch, OracleFile oracle)
    {
        switch (arch)
        {
            case "adm_unet":
                var adm = new AdmUNet(oracle.Spec.Deserialize<AdmUNetSettings>(NetworkOracle.SpecOptions)!);
                return (adm, x => adm.Forward(x, oracle.Tensor("in.timesteps"), oracle.Find("in.y")));
            case "adm_classifier":
                var classifier = new AdmClassifier(oracle.Spec.Deserialize<AdmClassifierSettings>(NetworkOracle.SpecOptions)!);
                return (classifier, x => classifier.Forward(x, oracle.Tensor("in.timesteps")));
            case "ddpm":
                var ddpm = new DdpmUNet(oracle.Spec.Deserialize<DdpmUNetSettings>(NetworkOracle.SpecOptions)!);
                return (ddpm, x => ddpm.Forward(x, oracle.Tensor("in.timesteps")));
            default:
                Skip.If(true, $"the architecture '{arch}' is not built");
                throw new InvalidOperationException();
        }
    }
}
