namespace Posterior.Operators;

/// <summary>An operator cannot be made or used as asked; the message is one line that names the thing, what was expected and what was found.</summary>
/// <param name="message">The line.</param>
/// <param name="inner">What caused it, when something did.</param>
public sealed class OperatorException(string message, Exception? inner = null) : Exception(message, inner);
