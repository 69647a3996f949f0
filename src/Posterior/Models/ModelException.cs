namespace Posterior.Models;

/// <summary>A model that cannot be found, recognised or built. The message is one line: what, what was expected, what was found.</summary>
public sealed class ModelException(string message, Exception? inner = null) : Exception(message, inner);
