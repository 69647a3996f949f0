namespace Posterior.Models;

/// <summary>A model that cannot be found, recognised or built. The message is one line: what, what was expected, what was found.</summary>
public class ModelException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>An image is not of the kind that a model takes, which another image may be.</summary>
/// <param name="message">One line: what the model takes, and what the image is.</param>
public sealed class ModelMismatchException(string message) : ModelException(message);
