namespace Posterior.Operators;

/// <summary>
/// Kernels of camera shake: the trace of a point while the shutter is open. The hand moves along a curve whose direction drifts and, the stronger the
/// shake the more often, jerks; it lingers where it is slow.
/// </summary>
public static class MotionKernel
{
    // Points per pixel of path: dense enough for the trace to have no gaps.
    private const int PointsPerPixel = 4;

    /// <summary>Draws a kernel as large as an image.</summary>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="random">The draws.</param>
    /// <returns>Row by row, not negative, of sum 1, its centre of mass at the middle pixel (H / 2, W / 2).</returns>
    public static double[] Draw(int height, int width, ref RandomStream random)
    {
        var diagonal = Math.Sqrt(height * (double)height + width * (double)width);
        var intensity = random.Uniform();
        var length = diagonal * (0.1 + 0.65 * random.Uniform());
        var count = Math.Max(2, (int)(length * PointsPerPixel));
        var (rows, columns, weights) = (new double[count], new double[count], new double[count]);
        var (direction, drift) = (2 * Math.PI * random.Uniform(), 0.0);
        var (row, column, speed) = (0.0, 0.0, 1.0);
        for (var i = 0; i < count; i++)
        {
            // Drift and speed are random walks that forget within a tenth of the path.
            var forget = 10.0 / count;
            drift += forget * (-drift) + Math.Sqrt(forget) * (2 * random.Uniform() - 1) * intensity * 4 * Math.PI;
            speed += forget * (1 - speed) + Math.Sqrt(forget) * (2 * random.Uniform() - 1) * 0.5;
            direction += drift / count;
            if (random.Uniform() < 4 * intensity / count) direction += Math.PI * (2 * random.Uniform() - 1);
            row += Math.Sin(direction) / PointsPerPixel;
            column += Math.Cos(direction) / PointsPerPixel;
            (rows[i], columns[i], weights[i]) = (row, column, 1 / Math.Max(0.25, speed));
        }
        return Trace(rows, columns, weights, height, width);
    }

    /// <summary>Smooths a kernel on the torus by a Gaussian; its sum stays.</summary>
    /// <param name="kernel">Row by row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="deviation">The standard deviation in pixels.</param>
    public static double[] Smooth(double[] kernel, int height, int width, double deviation)
    {
        var (down, across) = (Wrapped(height, deviation), Wrapped(width, deviation));
        var (half, smooth) = (new double[kernel.Length], new double[kernel.Length]);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                for (var i = 0; i < width; i++) half[y * width + x] += across[(x - i + width) % width] * kernel[y * width + i];
            }
        }
        for (var y = 0; y < height; y++)
        {
            for (var i = 0; i < height; i++)
            {
                var weight = down[(y - i + height) % height];
                for (var x = 0; x < width; x++) smooth[y * width + x] += weight * half[i * width + x];
            }
        }
        return smooth;
    }

    // The centre of mass goes to the middle; a path that is too long for the image is shrunk into it.
    private static double[] Trace(double[] rows, double[] columns, double[] weights, int height, int width)
    {
        var total = weights.Sum();
        var (meanRow, meanColumn) = (Mean(rows), Mean(columns));
        var (reachRow, reachColumn) = (rows.Max(r => Math.Abs(r - meanRow)), columns.Max(c => Math.Abs(c - meanColumn)));
        var shrink = Math.Min(1, Math.Min((height - 1) / 2.0 / Math.Max(reachRow, 1e-9), (width - 1) / 2.0 / Math.Max(reachColumn, 1e-9)));
        var kernel = new double[height * width];
        for (var i = 0; i < rows.Length; i++)
        {
            var (y, x) = ((rows[i] - meanRow) * shrink + height / 2, (columns[i] - meanColumn) * shrink + width / 2);
            var (top, left) = ((int)Math.Floor(y), (int)Math.Floor(x));
            Add(top, left, (1 - (y - top)) * (1 - (x - left)));
            Add(top, left + 1, (1 - (y - top)) * (x - left));
            Add(top + 1, left, (y - top) * (1 - (x - left)));
            Add(top + 1, left + 1, (y - top) * (x - left));

            void Add(int r, int c, double share) => kernel[(r % height + height) % height * width + (c % width + width) % width] += share * weights[i] / total;
        }
        return kernel;

        double Mean(double[] values)
        {
            var sum = 0.0;
            for (var i = 0; i < values.Length; i++) sum += values[i] * weights[i];
            return sum / total;
        }
    }

    private static double[] Wrapped(int size, double deviation)
    {
        var taps = new double[size];
        var reach = (int)Math.Ceiling(6 * deviation);
        for (var d = -reach; d <= reach; d++) taps[(d % size + size) % size] += Math.Exp(-d * d / (2 * deviation * deviation));
        var sum = taps.Sum();
        return [.. taps.Select(tap => tap / sum)];
    }
}
