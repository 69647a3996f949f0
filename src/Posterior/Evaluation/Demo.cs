using System.Diagnostics;
using System.Globalization;
using Posterior.Imaging;
using Posterior.Metrics;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>Restores the project's own pictures and shows original, measurement, pseudo-inverse and restoration side by side.</summary>
public static class Demo
{
    /// <summary>Runs all problems on all pictures and writes a picture a problem.</summary>
    /// <param name="prior">The prior.</param>
    /// <param name="pictures">Image files.</param>
    /// <param name="folder">An existing folder for the pictures.</param>
    /// <param name="steps">DDRM's steps.</param>
    /// <param name="progress">Told the share of the work that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <returns>The numbers, a row a restoration, and the pictures written.</returns>
    public static (IReadOnlyList<DemoRow> Rows, IReadOnlyList<string> Pictures) Run(
        Prior prior, IReadOnlyList<string> pictures, string folder, int steps = 20, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        var (rows, sheets) = (new List<DemoRow>(), new List<string>());
        var total = (double)DemoTask.All.Count * pictures.Count;
        foreach (var task in DemoTask.All)
        {
            using var scope = new Scope();
            var cells = new List<IReadOnlyList<ContactSheet.Cell>>();
            foreach (var picture in pictures)
            {
                var done = rows.Count / total;
                var steering = progress is null ? null : new Reporter<SolverStep>(step => progress.Report(done + (step.Index + 1.0) / step.Count / total));
                var (row, line) = Restore(prior, task, picture, new Ddrm { Steps = steps }, steering, cancellation);
                rows.Add(row);
                cells.Add(line);
            }
            var path = Path.Combine(folder, task.Name + ".png");
            ImageFile.Save(path, ContactSheet.Render(cells));
            sheets.Add(path);
        }
        return (rows, sheets);
    }

    private static (DemoRow Row, IReadOnlyList<ContactSheet.Cell> Cells) Restore(
        Prior prior, DemoTask task, string picture, Solver<SpectralOperator> solver, IProgress<SolverStep>? progress, CancellationToken cancellation)
    {
        var image = ImageFile.Load(picture);
        var x = ValueRange.ToSigned(image);
        using var h = (SpectralOperator)OperatorCatalog.Parse(task.Operator).Bind(ImageShape.Of(x));
        var content = FileHash.Of(picture);
        var measurement = Measurement<SpectralOperator>.Simulate(h, x, task.Sigma.Signed, new SeededNoise(ImageSeed.Of("degrade", 0, content, 0)));
        var denoiser = prior.For(x.Size(1));
        var clock = Stopwatch.GetTimestamp();
        var restoration = solver.Restore(measurement, denoiser, new SeededNoise(ImageSeed.Of("restore", 0, content, 0)), progress, cancellation);
        var seconds = Stopwatch.GetElapsedTime(clock).TotalSeconds;
        var restored = ValueRange.ToUnit(restoration.Estimate).Clamp(0, 1);
        var baseline = ValueRange.ToUnit(h.PseudoInverse(measurement.Data)).Clamp(0, 1);
        // What was not measured is black, as in a measurement's file.
        var shown = MeasurementFile.ToUnit(h, measurement.Data);
        var (psnr, ssim) = (new Psnr(), new Ssim());
        var row = new DemoRow(
            task.Name, Path.GetFileNameWithoutExtension(picture), psnr.Compare(baseline, image)[0], psnr.Compare(restored, image)[0],
            ssim.Compare(baseline, image)[0], ssim.Compare(restored, image)[0], seconds, restoration.Evaluations);
        return (row,
        [
            new(image, task.Title),
            new(shown.Clamp(0, 1), "measured"),
            new(baseline, string.Create(CultureInfo.InvariantCulture, $"pseudo-inverse, {row.BaselinePsnr:0.0} dB")),
            new(restored, string.Create(CultureInfo.InvariantCulture, $"restored, {row.Psnr:0.0} dB")),
        ]);
    }
}
