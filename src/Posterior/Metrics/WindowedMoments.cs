using System.Numerics.Tensors;

namespace Posterior.Metrics;

/// <summary>Weighted means of x, y, x^2, y^2 and x y under a separable window that slides over two planes, row by row: only as many rows as the window has are kept.</summary>
/// <param name="weights">The window along one axis; its sum is 1.</param>
/// <param name="width">The width of the planes.</param>
internal sealed class WindowedMoments(double[] weights, int width)
{
    private const int Kinds = 5;

    // Means along the row, the last rows that were added in turn.
    private readonly double[] _ring = new double[weights.Length * Kinds * (width - weights.Length + 1)];
    private readonly double[] _means = new double[Kinds * (width - weights.Length + 1)];
    private readonly double[] _product = new double[width];

    private int Columns => width - weights.Length + 1;

    public ReadOnlySpan<double> X => Mean(0);

    public ReadOnlySpan<double> Y => Mean(1);

    public ReadOnlySpan<double> XX => Mean(2);

    public ReadOnlySpan<double> YY => Mean(3);

    public ReadOnlySpan<double> XY => Mean(4);

    /// <summary>Takes the next row of both planes.</summary>
    public void Add(int row, ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        Along(x, Kept(row, 0));
        Along(y, Kept(row, 1));
        TensorPrimitives.Multiply(x, x, _product);
        Along(_product, Kept(row, 2));
        TensorPrimitives.Multiply(y, y, _product);
        Along(_product, Kept(row, 3));
        TensorPrimitives.Multiply(x, y, _product);
        Along(_product, Kept(row, 4));
    }

    /// <summary>The means of the window whose last row was added last.</summary>
    public void Average(int lastRow)
    {
        for (var kind = 0; kind < Kinds; kind++)
        {
            var mean = _means.AsSpan(kind * Columns, Columns);
            TensorPrimitives.Multiply(Kept(lastRow, kind), weights[^1], mean);
            for (var i = 1; i < weights.Length; i++) TensorPrimitives.MultiplyAdd(Kept(lastRow - i, kind), weights[weights.Length - 1 - i], mean, mean);
        }
    }

    private void Along(ReadOnlySpan<double> row, Span<double> mean)
    {
        TensorPrimitives.Multiply(row[..Columns], weights[0], mean);
        for (var i = 1; i < weights.Length; i++) TensorPrimitives.MultiplyAdd(row.Slice(i, Columns), weights[i], mean, mean);
    }

    private Span<double> Kept(int row, int kind) => _ring.AsSpan((row % weights.Length * Kinds + kind) * Columns, Columns);

    private ReadOnlySpan<double> Mean(int kind) => _means.AsSpan(kind * Columns, Columns);
}
