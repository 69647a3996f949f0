using System.Globalization;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Training;

/// <summary>
/// A weight average of any width from snapshots of two that ran during the training (EDM2, Karras et al. 2024, Sec. 3.2 and App. C): the combination of snapshots whose weight profile
/// is nearest to that of the wanted average.
/// </summary>
public static class PostHocAverage
{
    private const string Averages = "average.", Steps = "step", Exponent = "exponent", Pattern = "*.safetensors";

    /// <summary>The exponent of an average whose width is a share of the training (Eq. 126): <c>sigma_rel = sqrt((gamma + 1) / ((gamma + 2)^2 (gamma + 3)))</c>.</summary>
    /// <param name="width">The relative width, above 0 and at most 0.28; 0.05 is 16.97, 0.10 is 6.94.</param>
    public static double ExponentOf(double width)
    {
        if (!(width is > 0 and <= 0.28)) throw new TrainingException(FormattableString.Invariant($"average: expected a relative width above 0 and at most 0.28, found {width}"));
        var (low, high) = (0.0, 1e6);
        for (var i = 0; i < 200; i++)
        {
            var middle = (low + high) / 2;
            if (Math.Sqrt((middle + 1) / ((middle + 2) * (middle + 2) * (middle + 3))) > width) low = middle;
            else high = middle;
        }
        return low;
    }

    /// <summary>The weights of snapshots in the average that is nearest to a wanted one (Algorithm 3 of the paper).</summary>
    /// <param name="snapshots">Step and exponent of each snapshot.</param>
    /// <param name="step">The step of the wanted average.</param>
    /// <param name="exponent">Its exponent.</param>
    public static double[] Coefficients(IReadOnlyList<(long Step, double Exponent)> snapshots, long step, double exponent)
    {
        using var scope = new Scope();
        var n = snapshots.Count;
        var (gram, target) = (new double[n * n], new double[n]);
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++) gram[i * n + j] = Product(snapshots[i], snapshots[j]);
            target[i] = Product(snapshots[i], (step, exponent));
        }
        // Snapshots that lie close make the system nearly singular; the scaling to unit diagonal keeps what can be kept.
        var scale = Tensor.From([.. Enumerable.Range(0, n).Select(i => 1 / Math.Sqrt(gram[i * n + i]))], n);
        var scaled = Tensor.From(gram, n, n) * scale.Unsqueeze(0) * scale.Unsqueeze(1);
        return (scaled.PseudoInverse(1e-13).MatMul((Tensor.From(target, n) * scale).Unsqueeze(1)).Squeeze(1) * scale).ToArray<double>();
    }

    /// <summary>Writes the present state of an average into a folder.</summary>
    /// <param name="folder">The folder, which is created.</param>
    /// <param name="average">The average.</param>
    /// <param name="step">The steps of the training so far.</param>
    /// <exception cref="WeightFileException">The file cannot be written.</exception>
    public static void Save(string folder, PowerAverage average, long step)
    {
        Directory.CreateDirectory(folder);
        var name = string.Create(CultureInfo.InvariantCulture, $"{step:D9}-{average.Gamma:0.##}.safetensors");
        SafetensorsWriter.Write(Path.Combine(folder, name), average.State.Select(weight => (Averages + weight.Name, weight.Tensor)), new Dictionary<string, string>
        {
            [Steps] = step.ToString(CultureInfo.InvariantCulture),
            [Exponent] = average.Gamma.ToString("R", CultureInfo.InvariantCulture),
        });
    }

    /// <summary>Checks that an average of a wanted width can be made of a folder's snapshots.</summary>
    /// <param name="folder">A folder of snapshots.</param>
    /// <param name="width">The relative width.</param>
    /// <exception cref="TrainingException">There are no snapshots, or the width is out of range.</exception>
    public static void Check(string folder, double width)
    {
        ExponentOf(width);
        if (Paths(folder).Length == 0) throw new TrainingException($"'{folder}' holds no snapshots: a training writes them with --snapshots");
    }

    /// <summary>Writes an average of a wanted width into a network.</summary>
    /// <param name="folder">A folder of snapshots.</param>
    /// <param name="network">The network that was trained.</param>
    /// <param name="width">The relative width of the average at the last snapshot.</param>
    /// <exception cref="TrainingException">There are no snapshots, or the width is out of range.</exception>
    /// <exception cref="WeightFileException">A snapshot is damaged.</exception>
    public static void Load(string folder, Module network, double width)
    {
        Check(folder, width);
        var (exponent, paths) = (ExponentOf(width), Paths(folder));
        using var noGrad = new NoGrad();
        var known = paths.Select(Header).ToArray();
        var coefficients = Coefficients(known, known.Max(snapshot => snapshot.Step), exponent);
        using var sums = new Scope();
        // The network stays what it is until every snapshot was read.
        var averages = network.NamedParameters.Select(named => (named.Name, Weights: named.Tensor, Sum: named.Tensor.ZerosLike())).ToArray();
        for (var i = 0; i < paths.Length; i++)
        {
            using var file = WeightFile.Open(paths[i]);
            foreach (var (name, weights, sum) in averages)
            {
                using var scope = new Scope();
                var found = file.Load(Averages + name);
                if (!found.Shape.SequenceEqual(weights.Shape)) throw new WeightFileException(paths[i], $"expected '{Averages + name}' of the shape of {weights}, found {found}");
                sum.AddInPlace(found.To(sum.DType), coefficients[i]);
            }
        }
        foreach (var (_, weights, sum) in averages) weights.CopyFrom(sum);
        network.WeightsChanged();
    }

    private static string[] Paths(string folder) => Directory.Exists(folder) ? [.. Directory.GetFiles(folder, Pattern).Order(StringComparer.Ordinal)] : [];

    // The integral of two weight profiles (gamma + 1) s^gamma / t^(gamma + 1) on [0, t] (Eq. 142).
    private static double Product((long Step, double Exponent) a, (long Step, double Exponent) b)
    {
        var (earlier, later) = a.Step <= b.Step ? (a, b) : (b, a);
        return (a.Exponent + 1) * (b.Exponent + 1) / (a.Exponent + b.Exponent + 1) * Math.Pow(earlier.Step / (double)later.Step, later.Exponent) / later.Step;
    }

    private static (long Step, double Exponent) Header(string path)
    {
        using var file = WeightFile.Open(path);
        return long.TryParse(file.Metadata.GetValueOrDefault(Steps), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            && double.TryParse(file.Metadata.GetValueOrDefault(Exponent), NumberStyles.Float, CultureInfo.InvariantCulture, out var exponent)
            ? (step, exponent)
            : throw new WeightFileException(path, "expected a snapshot of a weight average, found no step and exponent in its header");
    }
}
