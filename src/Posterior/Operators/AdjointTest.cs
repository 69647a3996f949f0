using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// The dot test: for a true adjoint <c>&lt;H x, y&gt; = &lt;x, H^T y&gt;</c> for all x and y. Run on random ones it finds a wrong flip, scale, offset or boundary.
/// </summary>
/// <param name="Operator">The name of the operator.</param>
/// <param name="Forward"><c>&lt;H x, y&gt;</c>, of the worst trial.</param>
/// <param name="Backward"><c>&lt;x, H^T y&gt;</c>, of the worst trial.</param>
/// <param name="Error">The largest <c>|Forward - Backward| / max(|Hx| |y|, |x| |H^T y|)</c>: about 1e-15 in double precision, 1e-7 in single.</param>
/// <param name="Tolerance">The largest error that counts as rounding.</param>
public sealed record AdjointTest(string Operator, double Forward, double Backward, double Error, double Tolerance)
{
    /// <summary>Whether the two agree up to rounding.</summary>
    public bool Holds => Error <= Tolerance;

    /// <summary>Runs the test on standard normal images and measurements.</summary>
    /// <param name="h">The operator.</param>
    /// <param name="trials">How many pairs.</param>
    /// <param name="seed">The seed of the first pair.</param>
    /// <param name="dtype">The precision; in <see cref="DType.Float64"/> even a slight mistake stands out.</param>
    /// <param name="device">Where to calculate.</param>
    /// <param name="cancellation">Stops between trials.</param>
    public static AdjointTest Run(
        LinearOperator h, int trials = 3, ulong seed = 0, DType dtype = DType.Float64, Device device = default, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(trials);
        var worst = new AdjointTest(h.Name, 0, 0, -1, dtype == DType.Float64 ? 1e-11 : 1e-4);
        for (var trial = 0; trial < trials; trial++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var gradients = new NoGrad();
            using var scope = new Scope();
            var noise = new SeededNoise(seed + (ulong)trial);
            var x = noise.Normal(h.InputShape.Batch(1), dtype, device);
            var y = noise.Normal([1, .. h.OutputShape], dtype, device);
            var (hx, hty) = (h.Apply(x), h.Adjoint(y));
            var (forward, backward) = ((hx * y).Sum().Item(), (x * hty).Sum().Item());
            var scale = Math.Max(hx.Norm().Item() * y.Norm().Item(), x.Norm().Item() * hty.Norm().Item());
            var error = scale > 0 ? Math.Abs(forward - backward) / scale : 0;
            if (!(error <= worst.Error)) worst = worst with { Forward = forward, Backward = backward, Error = error };
        }
        return worst;
    }
}
