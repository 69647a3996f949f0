namespace Posterior.Operators;

/// <summary>One operator of the catalogue.</summary>
/// <param name="Name">What the text form starts with, without number and options: <c>sr</c>.</param>
/// <param name="Pattern">How to write it: <c>sr{FACTOR}</c>.</param>
/// <param name="Example">A text form that works as it is.</param>
/// <param name="Description">What it measures, in a line.</param>
/// <param name="Read">Reads the parts of a text form.</param>
public sealed record OperatorEntry(string Name, string Pattern, string Example, string Description, Func<OperatorText, OperatorSpec> Read)
{
    /// <summary>Whether a number follows the name.</summary>
    public bool TakesNumber { get; init; }

    /// <summary>What follows the colon in front of the options, as <c>FILE</c>; null for nothing.</summary>
    public string? Argument { get; init; }
}
