namespace Posterior.Evaluation.Experiments;

/// <summary>An experiment cannot be read or run. The message is one line that names the file and, where there is one, the line.</summary>
/// <param name="message">What was expected and what was found.</param>
public sealed class ExperimentException(string message) : Exception(message);
