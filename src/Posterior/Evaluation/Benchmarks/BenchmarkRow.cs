namespace Posterior.Evaluation.Benchmarks;

/// <summary>On which side of its bar a measured value must lie.</summary>
public enum BarSide
{
    /// <summary>The value must reach the bar.</summary>
    AtLeast,

    /// <summary>The value must not exceed the bar.</summary>
    AtMost,
}

/// <summary>One measured fact, with the bar that it is held against.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The value; a ratio unless <paramref name="Unit"/> says otherwise.</param>
/// <param name="Unit">The unit, such as <c>GFLOP/s</c> or <c>us</c>; empty for a ratio.</param>
/// <param name="Bar">The bar; null for a fact that is only reported.</param>
/// <param name="Side">On which side of the bar the value must lie.</param>
public sealed record BenchmarkRow(string Name, double Value, string Unit = "", double? Bar = null, BarSide Side = BarSide.AtLeast)
{
    /// <summary>Whether the bar is met; null without a bar.</summary>
    public bool? Holds => Bar is { } bar ? (Side == BarSide.AtLeast ? Value >= bar : Value <= bar) : null;
}
