using System.Globalization;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Masks, kernels and matrices from files: images, <c>.npy</c> arrays, and text with a row of numbers on each line.</summary>
/// <param name="folder">Where relative paths start.</param>
public sealed class OperatorFiles(string folder) : IOperatorFiles
{
    private const long MostTextBytes = 1L << 28;
    private static readonly char[] _separators = [' ', '\t', ',', ';'];

    /// <summary>The full path of a file that a definition names.</summary>
    public string FullPath(string path) => Path.GetFullPath(path, folder);

    /// <inheritdoc/>
    /// <exception cref="ImageException">The file is missing, damaged or not of a known kind.</exception>
    /// <exception cref="OperatorException">The numbers are no plane.</exception>
    public Tensor LoadPlane(string path)
    {
        var full = FullPath(path);
        if (Path.GetExtension(full).Equals(".npy", StringComparison.OrdinalIgnoreCase))
        {
            using var scope = new Scope();
            var array = NpyFile.Read(full);
            return scope.Keep(array.Shape is [1, _, _] ? array.Squeeze(0) : array);
        }
        if (ImageFile.HasImageExtension(full))
        {
            using var scope = new Scope();
            return scope.Keep(Colour.ToGrey(ImageFile.Load(full)).Squeeze(0).Squeeze(0));
        }
        return FromText(full, path);
    }

    private static Tensor FromText(string full, string path)
    {
        if (Directory.Exists(full)) throw new ImageException($"matrix '{path}' is a folder, not a file");
        if (!File.Exists(full)) throw new ImageException($"matrix '{path}' does not exist");
        if (SpecialFile.MayBe(full)) throw new ImageException($"matrix '{path}' is empty or not a regular file");
        if (new FileInfo(full).Length > MostTextBytes) throw new ImageException($"matrix '{path}' is too large for text; write it as .npy");
        var rows = new List<double[]>();
        foreach (var line in File.ReadLines(full))
        {
            var parts = line.Split(_separators, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length == 0 || parts[0].StartsWith('#')) continue;
            var row = new double[parts.Length];
            for (var i = 0; i < row.Length; i++)
            {
                if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out row[i]))
                    throw new OperatorException($"matrix '{path}', row {rows.Count + 1}: '{Shorten(parts[i])}' is no number (expected an image, .npy, or text with a row of numbers on each line)");
            }
            if (rows.Count > 0 && rows[0].Length != row.Length) throw new OperatorException($"matrix '{path}', row {rows.Count + 1}: {row.Length} numbers, the rows before have {rows[0].Length}");
            rows.Add(row);
        }
        if (rows.Count == 0) throw new OperatorException($"matrix '{path}' holds no numbers");
        return Tensor.From(rows.SelectMany(row => row).ToArray(), rows.Count, rows[0].Length);
    }

    private static string Shorten(string text) => text.Length <= 20 ? text : text[..20] + "...";
}
