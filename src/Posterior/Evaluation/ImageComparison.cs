using System.Globalization;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>How close one image file is to another.</summary>
/// <param name="Name">The first file, relative to its folder.</param>
/// <param name="Psnr">In decibels; infinite for equal images.</param>
/// <param name="Ssim">Wang et al. 2004; null for images smaller than its window.</param>
/// <param name="Largest">The largest difference of a value, for images in [0, 1].</param>
public sealed record ImageComparison(string Name, double Psnr, double? Ssim, double Largest)
{
    private const long SsimWindow = 11;

    /// <summary>Compares two files. A grey image is compared with a colour one as a colour image of equal channels.</summary>
    /// <param name="estimate">The first file.</param>
    /// <param name="truth">The second file.</param>
    /// <param name="name">What the pair is called.</param>
    /// <exception cref="ImageException">A file cannot be read, or the sizes differ.</exception>
    public static ImageComparison Of(string estimate, string truth, string name)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        var (a, b) = (ImageFile.Load(estimate), ImageFile.Load(truth));
        if (a.Size(2) != b.Size(2) || a.Size(3) != b.Size(3))
            throw new ImageException(string.Create(CultureInfo.InvariantCulture, $"'{estimate}' is {a.Size(3)}x{a.Size(2)} and '{truth}' is {b.Size(3)}x{b.Size(2)}; images to compare are of one size"));
        if (a.Size(1) != b.Size(1)) (a, b) = (Colour.ToColour(a).Contiguous(), Colour.ToColour(b).Contiguous());
        var ssim = Math.Min(a.Size(2), a.Size(3)) >= SsimWindow ? new Ssim().Compare(a, b)[0] : (double?)null;
        return new(name, new Psnr().Compare(a, b)[0], ssim, (a - b).Abs().Max().Item());
    }

    /// <summary>The pairs of two files, or of the files of equal names (up to their endings) of two folders; the first folder may hold more.</summary>
    /// <exception cref="ImageException">One is missing, only one is a folder, or a file has no partner.</exception>
    public static IReadOnlyList<(string Estimate, string Truth, string Name)> Pairs(string estimates, string truths)
    {
        if (!Directory.Exists(estimates) && !Directory.Exists(truths)) return [(estimates, truths, Path.GetFileName(estimates))];
        foreach (var path in new[] { estimates, truths })
        {
            if (!Directory.Exists(path)) throw new ImageException(File.Exists(path) ? $"'{path}' is a file and the other a folder; compare two files or two folders" : $"'{path}' does not exist");
        }
        using var first = (ImageFolder)ImageSource.Open(estimates);
        using var second = (ImageFolder)ImageSource.Open(truths);
        var partners = Enumerable.Range(0, first.Count).ToLookup(i => Path.ChangeExtension(first.Name(i), null));
        var pairs = new List<(string, string, string)>();
        for (var i = 0; i < second.Count; i++)
        {
            var partner = partners[Path.ChangeExtension(second.Name(i), null)].ToArray();
            if (partner.Length != 1) throw new ImageException($"'{second.FilePath(i)}' has {(partner.Length == 0 ? "no partner" : "several partners")} in '{estimates}'");
            pairs.Add((first.FilePath(partner[0]), second.FilePath(i), first.Name(partner[0])));
        }
        return pairs;
    }
}
