namespace Posterior.Solvers;

/// <summary>Settings of a solver are out of range, or of another solver; the message lists every one, with the range.</summary>
/// <param name="message">One line.</param>
public sealed class SolverOptionsException(string message) : ArgumentException(message);
