using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>
/// The files of one or several samples: <c>out.png</c> is the first; of several also <c>out.0.png</c>, ..., the mean, the standard deviation and one picture with all of it,
/// <c>out.sheet.png</c>; <c>out.truth.png</c> is the truth map where it was asked for.
/// </summary>
internal static class SampleFiles
{
    // A sheet gives an overview: larger images are shrunk, and of many samples the first are shown.
    private const long LargestCell = 512;
    private const int MostSamples = 9, Columns = 6;

    /// <summary>Writes them.</summary>
    /// <param name="set">Where they are noted.</param>
    /// <param name="output">The name of the first.</param>
    /// <param name="samples">Images <c>[1, C, H, W]</c> in [-1, 1].</param>
    /// <param name="statistics">Their mean and standard deviation; null for a single one.</param>
    /// <param name="measured">The measurement as a picture in [0, 1], or <c>H^+ y</c>, with what it is called.</param>
    /// <param name="map">The truth map; null for none.</param>
    /// <param name="bits">Bits of a value; the standard deviation has 16 where the format has, because it is small.</param>
    public static void Write(OutputSet set, string output, IReadOnlyList<Tensor> samples, SampleStatistics? statistics, ContactSheet.Cell measured, TruthMap? map, int bits)
    {
        using var scope = new Scope();
        Save(output, "estimate", ValueRange.ToUnit(samples[0]), bits);
        if (statistics is not null)
        {
            for (var k = 0; k < samples.Count; k++) Save(Name(k.ToString(CultureInfo.InvariantCulture)), "sample", ValueRange.ToUnit(samples[k]), bits);
            Save(Name("mean"), "mean", statistics.Mean, bits);
            Save(Name("std"), "std", statistics.Deviation, Math.Max(bits, BitDepth.For(output, null, 16)));
            Save(Picture("sheet"), "sheet", Sheet(samples, statistics, measured), 8);
        }
        if (map is not null) Save(Picture("truth"), "truth-map", map.Render(statistics?.Deviation), 8);

        string Name(string part) => Beside(part, Path.GetExtension(output));

        string Picture(string part) => Beside(part, ".png");

        string Beside(string part, string extension) => Path.Combine(Path.GetDirectoryName(output)!, $"{Path.GetFileNameWithoutExtension(output)}.{part}{extension}");

        void Save(string path, string role, Tensor image, int depth) => set.Add(path, role, () => ImageFile.Save(path, image, new SaveOptions { Bits = depth }));
    }

    private static Tensor Sheet(IReadOnlyList<Tensor> samples, SampleStatistics statistics, ContactSheet.Cell measured)
    {
        // Small deviations would be black: the largest is white, up to a factor that the caption states.
        var factor = Math.Max(1, Math.Floor(1 / Math.Max(1e-3, statistics.Deviation.Max().Item())));
        List<ContactSheet.Cell> cells =
        [
            measured,
            .. samples.Take(MostSamples).Select((sample, k) => new ContactSheet.Cell(ValueRange.ToUnit(sample), string.Create(CultureInfo.InvariantCulture, $"sample {k}"))),
            new(statistics.Mean, string.Create(CultureInfo.InvariantCulture, $"mean of {samples.Count}")),
            new(statistics.Deviation * factor, string.Create(CultureInfo.InvariantCulture, $"standard deviation x {factor}")),
        ];
        return ContactSheet.Render([.. cells.Select(cell => cell with { Image = Shrunk(cell.Image) }).Chunk(Columns)]);
    }

    private static Tensor Shrunk(Tensor image)
    {
        var factor = (Math.Max(image.Size(2), image.Size(3)) + LargestCell - 1) / LargestCell;
        // A long thin image is left alone rather than averaged away.
        return factor <= 1 || factor > Math.Min(image.Size(2), image.Size(3)) ? image : image.AveragePool(factor, factor);
    }
}
