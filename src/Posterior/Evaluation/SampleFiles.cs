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

    /// <summary>Their names.</summary>
    /// <param name="output">The name of the first.</param>
    /// <param name="samples">The number of samples.</param>
    /// <param name="withMap">Whether there is a truth map.</param>
    public static IEnumerable<string> Names(string output, int samples, bool withMap)
    {
        IEnumerable<string> several = samples > 1
            ? [.. Enumerable.Range(0, samples).Select(k => Sample(output, k)), Beside(output, "mean"), Beside(output, "std"), Beside(output, "sheet", ".png")]
            : [];
        return withMap ? [output, .. several, Beside(output, "truth", ".png")] : [output, .. several];
    }

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
            for (var k = 0; k < samples.Count; k++) Save(Sample(output, k), "sample", ValueRange.ToUnit(samples[k]), bits);
            Save(Beside(output, "mean"), "mean", statistics.Mean, bits);
            Save(Beside(output, "std"), "std", statistics.Deviation, Math.Max(bits, BitDepth.For(output, null, 16)));
            Save(Beside(output, "sheet", ".png"), "sheet", Sheet(samples, statistics, measured), 8);
        }
        if (map is not null) Save(Beside(output, "truth", ".png"), "truth-map", map.Render(statistics?.Deviation), 8);

        void Save(string path, string role, Tensor image, int depth) => set.Add(path, role, file => ImageFile.Save(file, image, new SaveOptions { Bits = depth }));
    }

    private static string Sample(string output, int k) => Beside(output, k.ToString(CultureInfo.InvariantCulture));

    private static string Beside(string output, string part, string? extension = null) =>
        Path.Combine(Path.GetDirectoryName(output)!, $"{Path.GetFileNameWithoutExtension(output)}.{part}{extension ?? Path.GetExtension(output)}");

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
