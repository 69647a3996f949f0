namespace Posterior;

/// <summary>Progress that is handled at once, on the thread that reports it; <see cref="Progress{T}"/> queues it for another.</summary>
/// <typeparam name="T">What is reported.</typeparam>
/// <param name="report">Handles a report.</param>
public sealed class Reporter<T>(Action<T> report) : IProgress<T>
{
    /// <inheritdoc/>
    public void Report(T value) => report(value);
}
