namespace Posterior.Imaging;

/// <summary>An image or array file cannot be read or written. The message is one line that names the file, what was expected and what was found.</summary>
public sealed class ImageException : Exception
{
    /// <summary>An error about a file.</summary>
    public ImageException(string message)
        : base(message)
    {
    }

    /// <summary>An error about a file and what caused it.</summary>
    public ImageException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
