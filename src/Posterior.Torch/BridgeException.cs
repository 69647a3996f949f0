namespace Posterior.Torch;

/// <summary>The native bridge is not there, or does not load: nothing of the engine works.</summary>
public sealed class BridgeException(string message) : Exception(message);
