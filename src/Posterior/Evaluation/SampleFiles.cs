using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>The files of one or several samples: <c>out.png</c> is the first; of several also <c>out.0.png</c>, ..., the mean and the standard deviation.</summary>
internal static class SampleFiles
{
    /// <summary>Writes them.</summary>
    /// <param name="set">Where they are noted.</param>
    /// <param name="output">The name of the first.</param>
    /// <param name="samples">Images <c>[1, C, H, W]</c> in [-1, 1].</param>
    /// <param name="bits">Bits of a value; the standard deviation has 16 where the format has, because it is small.</param>
    public static void Write(OutputSet set, string output, IReadOnlyList<Tensor> samples, int bits)
    {
        using var scope = new Scope();
        Save(output, "estimate", ValueRange.ToUnit(samples[0]), bits);
        if (samples.Count == 1) return;
        var (mean, squares) = (samples[0].ZerosLike(), samples[0].ZerosLike());
        for (var k = 0; k < samples.Count; k++)
        {
            var unit = ValueRange.ToUnit(samples[k]);
            Save(Name(k.ToString(CultureInfo.InvariantCulture)), "sample", unit, bits);
            // Welford's update: no cancellation between large sums.
            var difference = unit - mean;
            mean = mean.AddScaled(difference, 1.0 / (k + 1));
            squares += difference * (unit - mean);
        }
        Save(Name("mean"), "mean", mean, bits);
        Save(Name("std"), "std", (squares / (samples.Count - 1)).Sqrt(), Math.Max(bits, BitDepth.For(output, null, 16)));

        string Name(string part) => Path.Combine(Path.GetDirectoryName(output)!, $"{Path.GetFileNameWithoutExtension(output)}.{part}{Path.GetExtension(output)}");

        void Save(string path, string role, Tensor image, int depth) => set.Add(path, role, () => ImageFile.Save(path, image, new SaveOptions { Bits = depth }));
    }
}
