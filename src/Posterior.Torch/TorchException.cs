namespace Posterior.Torch;

/// <summary>An operation of the engine failed; the message is libtorch's first line or the bridge's.</summary>
public sealed class TorchException(string message) : Exception(message);
