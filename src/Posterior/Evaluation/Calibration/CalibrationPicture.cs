using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation.Calibration;

/// <summary>A calibration as a picture: coverage against the nominal level, the rank histogram, and the error against the predicted deviation.</summary>
public static class CalibrationPicture
{
    private const int Side = 300, Left = 62, Top = 40, Bottom = 52, Gap = 24, Tick = 4;

    private static readonly PlotColour _ink = new(0.15f, 0.15f, 0.15f), _grid = new(0.88f, 0.88f, 0.88f), _blue = new(0.12f, 0.35f, 0.65f), _ideal = new(0.55f, 0.55f, 0.55f), _band = new(0.93f, 0.9f, 0.8f);

    /// <summary>Draws it.</summary>
    /// <returns><c>[1, 3, H, W]</c>, Float32, in [0, 1].</returns>
    public static Tensor Render(CalibrationReport report)
    {
        var canvas = new PlotCanvas(3 * (Left + Side + Gap), Top + Side + Bottom);
        Coverage(canvas, 0, report);
        Ranks(canvas, Left + Side + Gap, report);
        Errors(canvas, 2 * (Left + Side + Gap), report);
        return canvas.ToImage();
    }

    private static void Coverage(PlotCanvas canvas, int left, CalibrationReport report)
    {
        var axes = new Axes(canvas, left + Left, "coverage of central intervals", "nominal");
        for (var k = 0; k <= 5; k++)
        {
            axes.Column(k / 5.0, (k / 5.0).ToString("0.0", CultureInfo.InvariantCulture));
            axes.Row(k / 5.0, (k / 5.0).ToString("0.0", CultureInfo.InvariantCulture));
        }
        axes.Line((0, 0), (1, 1), _ideal);
        var points = report.Intervals.Where(point => point.Actual is not null).Select(point => (point.Nominal, point.Actual!.Value)).ToArray();
        for (var i = 0; i < points.Length; i++)
        {
            if (report.Intervals[i].StandardError is { } error) axes.Line((points[i].Nominal, points[i].Value - error), (points[i].Nominal, points[i].Value + error), _ideal);
            if (i > 0) axes.Line(points[i - 1], points[i], _blue, 2);
            axes.Disc(points[i], _blue);
        }
        axes.Frame();
    }

    private static void Ranks(PlotCanvas canvas, int left, CalibrationReport report)
    {
        var (counts, significance) = (report.Ranks.Counts, report.Ranks.Significance());
        var axes = new Axes(canvas, left + Left, $"ranks of the originals{(significance.Length > 0 ? $", {significance}" : "")}", "rank among the samples");
        var expected = counts.Sum() / (double)counts.Count;
        // Room for twice the expected count at least, so that chance does not look dramatic.
        var most = Math.Max(counts.Max(), Math.Max(1, 2 * expected)) * 1.05;
        var spread = 2 * Math.Sqrt(expected);
        axes.Rectangle((0, (expected - spread) / most), (1, (expected + spread) / most), _band);
        for (var r = 0; r < counts.Count; r++) axes.Rectangle(((r + 0.1) / counts.Count, 0), ((r + 0.9) / counts.Count, counts[r] / most), _blue);
        axes.Line((0, expected / most), (1, expected / most), _ink);
        axes.Row(expected / most, expected.ToString("0.#", CultureInfo.InvariantCulture), grid: false);
        axes.Row(0, "0");
        axes.Column(0.5 / counts.Count, "0");
        axes.Column((counts.Count - 0.5) / counts.Count, (counts.Count - 1).ToString(CultureInfo.InvariantCulture));
        axes.Frame();
    }

    private static void Errors(PlotCanvas canvas, int left, CalibrationReport report)
    {
        var axes = new Axes(canvas, left + Left, "RMS error against the prediction", "predicted by the samples");
        var values = report.Errors.SelectMany(bin => new[] { bin.Predicted, bin.Actual }).Where(value => value > 0).ToArray();
        if (values.Length > 0)
        {
            var (low, high) = (Math.Floor(Math.Log2(values.Min())), Math.Max(Math.Ceiling(Math.Log2(values.Max())), Math.Floor(Math.Log2(values.Min())) + 1));
            double At(double value) => (Math.Log2(value) - low) / (high - low);
            for (var power = low; power <= high; power++)
            {
                var name = Math.Pow(2, power).ToString("0.###", CultureInfo.InvariantCulture);
                axes.Row(At(Math.Pow(2, power)), name);
                axes.Column(At(Math.Pow(2, power)), high - low > 6 && (int)(power - low) % 2 == 1 ? "" : name);
            }
            axes.Line((0, 0), (1, 1), _ideal);
            var points = report.Errors.Where(bin => bin.Predicted > 0 && bin.Actual > 0).Select(bin => (At(bin.Predicted), At(bin.Actual))).ToArray();
            for (var i = 0; i < points.Length; i++)
            {
                if (i > 0) axes.Line(points[i - 1], points[i], _blue, 2);
                axes.Disc(points[i], _blue);
            }
        }
        axes.Frame();
    }

    // A square of the unit interval in both directions.
    private sealed class Axes(PlotCanvas canvas, int left, string title, string below)
    {
        public void Frame()
        {
            canvas.Line(X(0), Y(0), X(1), Y(0), _ink);
            canvas.Line(X(0), Y(0), X(0), Y(1), _ink);
            canvas.Text(X(0.5), Top - 18, title, _ink, TextAnchor.Middle);
            canvas.Text(X(0.5), Top + Side + 36, below, _ink, TextAnchor.Middle);
        }

        public void Row(double at, string name, bool grid = true)
        {
            if (grid) canvas.Line(X(0), Y(at), X(1), Y(at), _grid);
            canvas.Text(X(0) - Tick - 4, Y(at), name, _ink, TextAnchor.Right);
        }

        public void Column(double at, string name)
        {
            canvas.Line(X(at), Y(0), X(at), Y(0) + Tick, _ink);
            if (name.Length > 0) canvas.Text(X(at), Y(0) + Tick + 10, name, _ink, TextAnchor.Middle);
        }

        public void Line((double X, double Y) from, (double X, double Y) to, PlotColour colour, double thickness = 1) => canvas.Line(X(from.X), Y(from.Y), X(to.X), Y(to.Y), colour, thickness);

        public void Rectangle((double X, double Y) from, (double X, double Y) to, PlotColour colour) => canvas.Rectangle(X(from.X), Y(to.Y), X(to.X), Y(from.Y), colour);

        public void Disc((double X, double Y) at, PlotColour colour) => canvas.Disc(X(at.X), Y(at.Y), 3.5, colour);

        private double X(double at) => left + Math.Clamp(at, 0, 1) * Side;

        private double Y(double at) => Top + (1 - Math.Clamp(at, 0, 1)) * Side;
    }
}
