using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Evaluation.Reversal;

/// <summary>
/// Greedy degradation scheduling for a set of images (Fabian et al. 2024, Algorithm 2): how far apart candidate severities are is the mean over images of a metric between the
/// images so degraded. PSNR counts as the root mean square error that it stands for, and SSIM as 1 - SSIM, so that 0 is no distance.
/// </summary>
public static class ScheduleStudy
{
    /// <summary>The distances of candidate severities.</summary>
    /// <param name="degradation">The degradation.</param>
    /// <param name="images">Clean images, <c>[N, C, H, W]</c> in [-1, 1].</param>
    /// <param name="metric">PSNR, SSIM or LPIPS.</param>
    /// <param name="candidates">How many severities, equally spaced from 0 to 1; at least 2.</param>
    /// <param name="progress">Told the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between comparisons.</param>
    /// <returns><c>[candidates, candidates]</c>, symmetric, 0 on the diagonal.</returns>
    public static double[,] Distances(SeveritySpec degradation, Tensor images, IMetric metric, int candidates, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        var degraded = Enumerable.Range(0, candidates).Select(i =>
            ValueRange.ToUnit(degradation.Degrade(images, [.. Enumerable.Repeat(i / (candidates - 1.0), (int)images.Size(0))]))).ToArray();
        var (distances, done, all) = (new double[candidates, candidates], 0, candidates * (candidates - 1) / 2.0);
        for (var i = 0; i < candidates; i++)
        {
            for (var j = i + 1; j < candidates; j++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var inner = new Scope();
                distances[i, j] = distances[j, i] = metric.Compare(degraded[i], degraded[j]).Average(value => metric.Name switch
                {
                    "psnr" => Math.Pow(10, -value / 20),
                    _ when metric.HigherIsBetter => 1 - value,
                    _ => value,
                });
                progress?.Report(++done / all);
            }
        }
        return distances;
    }

    /// <summary>The schedule that the distances lead to, as a file for a training.</summary>
    /// <param name="degradation">The degradation.</param>
    /// <param name="distances">The distances of its candidate severities.</param>
    /// <param name="points">How many severities to choose between the first and the last.</param>
    /// <param name="metric">What the distances were measured with.</param>
    /// <param name="data">On what.</param>
    public static SeverityScheduleFile Choose(SeveritySpec degradation, double[,] distances, int points, string metric, string data)
    {
        var chosen = GreedySchedule.Of(distances, points);
        var schedule = chosen.Schedule(distances.GetLength(0));
        return new()
        {
            Degradation = degradation.Text, Distance = metric, Data = data, Candidates = distances.GetLength(0), Times = schedule.Times, Severities = schedule.Severities, Widest = chosen.Widest,
        };
    }
}
