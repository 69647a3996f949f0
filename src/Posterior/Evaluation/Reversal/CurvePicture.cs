using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Evaluation.Reversal;

/// <summary>The studies as pictures: one panel for each measure.</summary>
public static class CurvePicture
{
    private const int Side = 260, Left = 64, Top = 40, Bottom = 52, Gap = 24, Tick = 4;

    private static readonly PlotColour _ink = new(0.15f, 0.15f, 0.15f), _grid = new(0.88f, 0.88f, 0.88f), _blue = new(0.12f, 0.35f, 0.65f), _mark = new(0.75f, 0.35f, 0.1f);

    /// <summary>A trade-off: PSNR, SSIM, perception and data consistency against t, from 1 to 0, with both stopping points.</summary>
    /// <returns><c>[1, 3, H, W]</c>, Float32, in [0, 1].</returns>
    public static Tensor Of(TradeoffReport report)
    {
        (double, string)[] marks = [(report.Stops.Distortion + report.Step / 2, "DO"), (report.Stops.Perception + report.Step / 2, "PO")];
        return Render(
            [
                ("PSNR, dB", [.. report.Points.Select(point => (point.Time, point.Psnr))], marks),
                ("SSIM", [.. report.Points.Select(point => (point.Time, point.Ssim))], marks),
                (report.Perception, [.. report.Points.Select(point => (point.Time, point.Perception))], marks),
                (string.Create(CultureInfo.InvariantCulture, $"|y - A x|^2 / m (noise {report.NoiseVariance:0.0000})"), [.. report.Points.Select(point => (point.Time, point.Consistency))], marks),
            ],
            "t", falling: true);
    }

    /// <summary>A robustness study: PSNR, SSIM and perception against the blur's factor, if there is one, and against the noise.</summary>
    /// <returns><c>[1, 3, H, W]</c>, Float32, in [0, 1].</returns>
    public static Tensor Of(RobustnessReport report)
    {
        using var scope = new Scope();
        var rows = new List<Tensor>();
        if (report.Widths.Count > 0) rows.Add(Render(Panels(report, report.Widths, 1), "width of the blur, as a factor", falling: false));
        rows.Add(Render(Panels(report, report.Noise, report.Sigma), "noise level", falling: false));
        return scope.Keep(Tensor.Cat([.. rows], 2));
    }

    /// <summary>A severity schedule against time, and the largest distance of neighbours against the number of points.</summary>
    /// <returns><c>[1, 3, H, W]</c>, Float32, in [0, 1].</returns>
    public static Tensor Of(SeverityScheduleFile schedule)
    {
        using var scope = new Scope();
        return scope.Keep(Tensor.Cat(
            [
                Render([($"severity, {schedule.Distance}", [.. schedule.Times.Zip(schedule.Severities)], [])], "t", falling: false),
                Render([("largest distance of neighbours", [.. schedule.Widest.Select((widest, i) => (i + 1.0, widest))], [])], "points added", falling: false),
            ], 3));
    }

    private static (string, (double, double)[], (double, string)[])[] Panels(RobustnessReport report, IReadOnlyList<RobustnessPoint> points, double training) =>
    [
        ("PSNR, dB", [.. points.Select(point => (point.Value, point.Psnr))], [(training, "training")]),
        ("SSIM", [.. points.Select(point => (point.Value, point.Ssim))], [(training, "training")]),
        (report.Perception, [.. points.Select(point => (point.Value, point.Perception))], [(training, "training")]),
    ];

    private static Tensor Render(IReadOnlyList<(string Title, (double X, double Y)[] Points, (double X, string Name)[] Marks)> panels, string below, bool falling)
    {
        var canvas = new PlotCanvas(panels.Count * (Left + Side + Gap), Top + Side + Bottom);
        for (var k = 0; k < panels.Count; k++) Panel(canvas, k * (Left + Side + Gap) + Left, panels[k].Title, panels[k].Points, panels[k].Marks, below, falling);
        return canvas.ToImage();
    }

    private static void Panel(PlotCanvas canvas, int left, string title, (double X, double Y)[] points, (double X, string Name)[] marks, string below, bool falling)
    {
        canvas.Text(left + Side / 2.0, Top - 18, title, _ink, TextAnchor.Middle);
        canvas.Text(left + Side / 2.0, Top + Side + 36, below, _ink, TextAnchor.Middle);
        if (points.Length > 0)
        {
            var (lowX, highX) = Range(points.Select(point => point.X));
            var (lowY, highY) = Range(points.Select(point => point.Y));
            double X(double value) => left + Side * (falling ? (highX - value) / (highX - lowX) : (value - lowX) / (highX - lowX));
            double Y(double value) => Top + Side * (0.95 - 0.9 * (value - lowY) / (highY - lowY));
            for (var i = 0; i <= 4; i++)
            {
                var (x, y) = (lowX + i * (highX - lowX) / 4, lowY + i * (highY - lowY) / 4);
                canvas.Line(left, Y(y), left + Side, Y(y), _grid);
                canvas.Text(left - Tick - 4, Y(y), y.ToString("0.####", CultureInfo.InvariantCulture), _ink, TextAnchor.Right);
                canvas.Line(X(x), Top + Side, X(x), Top + Side + Tick, _ink);
                canvas.Text(X(x), Top + Side + Tick + 10, x.ToString("0.###", CultureInfo.InvariantCulture), _ink, TextAnchor.Middle);
            }
            foreach (var (at, name) in marks)
            {
                canvas.Line(X(at), Top, X(at), Top + Side, _mark);
                canvas.Text(X(at), Top + 8, name, _mark, falling ? TextAnchor.Left : TextAnchor.Middle);
            }
            for (var i = 0; i < points.Length; i++)
            {
                if (i > 0) canvas.Line(X(points[i - 1].X), Y(points[i - 1].Y), X(points[i].X), Y(points[i].Y), _blue, 2);
                canvas.Disc(X(points[i].X), Y(points[i].Y), 2.5, _blue);
            }
        }
        canvas.Line(left, Top + Side, left + Side, Top + Side, _ink);
        canvas.Line(left, Top + Side, left, Top, _ink);
    }

    private static (double Low, double High) Range(IEnumerable<double> values)
    {
        var (low, high) = (values.Min(), values.Max());
        return high > low ? (low, high) : (low - 0.5, high + 0.5);
    }
}
