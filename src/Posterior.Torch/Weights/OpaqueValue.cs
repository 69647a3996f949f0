namespace Posterior.Torch.Weights;

/// <summary>An object of a class that this reader does not know. Only the name was read: nothing was imported, created or run.</summary>
/// <param name="ClassName">The class or function named in the file, as in <c>numpy.core.multiarray.scalar</c>.</param>
public sealed record OpaqueValue(string ClassName);
