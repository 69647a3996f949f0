using Posterior.Diffusion;
using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>The examples of docs/uncertainty.md and of docs/methods/samplers.md.</summary>
internal static class UncertaintyExamples
{
    public static (ResidualVerdict Verdict, TruthMap Map) Samples(Measurement<BlockAverage> measurement, Denoiser prior, string path)
    {
        var samples = Enumerable.Range(0, 4).Select(k => new Ddrm().Restore(measurement, prior, new SeededNoise((ulong)k)).Estimate).ToArray();
        var statistics = SampleStatistics.Of(samples); // mean and standard deviation, for images in [0, 1]
        var map = TruthMap.Of(measurement.Operator, samples[0]); // Evidence + Invention = x
        ImageFile.Save(path, map.Render(statistics.Deviation));
        var verdict = ResidualVerdict.Of(measurement, samples[0]);
        Console.WriteLine(verdict.Sentence);
        return (verdict, map);
    }

    public static Tensor Draw(Denoiser strong, Denoiser weak)
    {
        var sampler = SamplerCatalog.Create("heun", new SamplerSettings { Steps = 32, Churn = 20 });
        var prior = new ClassifierFreeGuidance(strong, weak, weight: 2); // autoguidance: away from the weaker model
        var images = sampler.Sample(prior, batch: 2, new ImageShape(3, 64, 64), new SeededNoise(1, 2)); // a seed for each image
        return images;
    }
}
