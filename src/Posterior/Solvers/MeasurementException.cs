namespace Posterior.Solvers;

/// <summary>A measurement cannot be restored as it is: it has the wrong shape, holds NaN or infinities, or its noise level makes no sense.</summary>
/// <param name="message">One line that names what is wrong, what was expected and what was found.</param>
public sealed class MeasurementException(string message) : ArgumentException(message);
