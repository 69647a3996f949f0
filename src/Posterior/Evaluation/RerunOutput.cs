namespace Posterior.Evaluation;

/// <summary>An output of a receipt beside the one that was made again.</summary>
/// <param name="Path">The output's path.</param>
/// <param name="LargestDifference">The largest difference of a value, for images in [0, 1]; null where the output was missing.</param>
/// <param name="Identical">Whether the bytes are the same: those of the file, or of the file that was missing, as its receipt tells of them.</param>
/// <param name="Changed">Whether the file is another than the receipt tells of.</param>
/// <param name="Kept">Whether the output was missing, so that the one made again takes its place.</param>
public sealed record RerunOutput(string Path, double? LargestDifference, bool Identical, bool Changed, bool Kept);
