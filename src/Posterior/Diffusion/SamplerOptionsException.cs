namespace Posterior.Diffusion;

/// <summary>A sampler is unknown, or a setting of it is unknown or out of range.</summary>
public sealed class SamplerOptionsException(string message, Exception? inner = null) : Exception(message, inner);
