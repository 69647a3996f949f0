using Posterior.Imaging;
using Posterior.Models;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>The example of the README, with file names for its literals.</summary>
internal static class ReadmeExample
{
    public static int Run(string prior, string small, string big)
    {
        using var model = Model.Load(prior); // the prior
        var y = ValueRange.ToSigned(ImageFile.Load(small)); // [1, 3, h, w] in [-1, 1]
        using var h = new BlockAverage(new ImageShape(3, 4 * y.Size(2), 4 * y.Size(3)), factor: 4);
        var x = new Ddrm().Restore(new Measurement<BlockAverage>(y, h, sigma: 0), model.Denoiser, new SeededNoise(1));
        ImageFile.Save(big, ValueRange.ToUnit(x.Estimate));
        return x.Evaluations;
    }
}
