using Posterior.Diffusion;
using Posterior.Models;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>The examples of docs/methods/closed-form-priors.md and docs/adding-a-network.md.</summary>
internal static class PriorExamples
{
    public static (Tensor Mean, Tensor Denoised, double LogEvidence) ClosedForm()
    {
        var prior = GaussianDenoiser.WithCovariance(Tensor.Zeros([1, 1, 1, 2]), Tensor.From([1.0, 0.8, 0.8, 1.0], 2, 2));
        var h = Tensor.From([0.5, 0.5], 1, 2); // one measurement: the mean of both pixels
        var (posterior, logEvidence) = prior.Condition(h, Tensor.From([0.3], 1), sigma: 0.1);
        var mean = posterior.Mean; // E[x | y], [1, 1, 1, 2]
        var denoised = prior.Denoise(mean, sigma: 0.1); // E[x0 | x0 + 0.1 n = mean]
        return (mean, denoised, logEvidence);
    }

    public static Tensor Network(Tensor x, double sigma)
    {
        using var network = new PlainNetwork(new PlainSettings());
        var card = new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaData = 0.5 } };
        var prior = Model.DenoiserOf(network, card); // D(x; sigma) for images in [-1, 1], any height and width
        return prior.Denoise(x, sigma);
    }
}
