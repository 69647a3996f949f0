using Posterior.Torch;

namespace Posterior.Training;

/// <summary>
/// EDM2's weighting of noise levels (Karras et al. 2024, Eq. 21): the loss e of a level becomes <c>e / exp(u) + u</c>, where u(sigma) is learned beside the network. At
/// its optimum <c>exp(u)</c> is the loss of that level, so that all levels have gradients of the same size.
/// </summary>
public sealed class LearnedUncertainty : IDisposable
{
    private const int Features = 128;

    private readonly Tensor _frequencies, _phases, _weight;

    /// <summary>The weighting of a training; u starts as 0.</summary>
    /// <param name="seed">Chooses the random Fourier features.</param>
    public LearnedUncertainty(ulong seed)
    {
        using var scope = new Scope();
        var noise = new SeededNoise(seed ^ 0x75D5);
        _frequencies = (noise.Normal([1, Features]) * (2 * Math.PI)).Own();
        _phases = (noise.Normal([1, Features]) * (2 * Math.PI)).Own();
        _weight = Tensor.Zeros([Features, 1]).Own();
    }

    /// <summary>What is learned, with its name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Parameters => [("uncertainty.weight", _weight)];

    /// <summary>u of noise levels: a linear function of random Fourier features of <c>ln(sigma) / 4</c>.</summary>
    /// <param name="sigmas">The noise level of each image.</param>
    /// <returns><c>[N]</c>, with its autograd history.</returns>
    public Tensor LogVariance(ReadOnlySpan<double> sigmas)
    {
        using var scope = new Scope();
        var levels = new float[sigmas.Length];
        for (var i = 0; i < levels.Length; i++) levels[i] = (float)(Math.Log(sigmas[i]) / 4);
        var features = (Tensor.From(levels, levels.Length, 1) * _frequencies + _phases).Cos() * Math.Sqrt(2.0 / Features);
        return scope.Keep(features.MatMul(_weight).Squeeze(1));
    }

    /// <summary><c>e / exp(u) + u</c>.</summary>
    /// <param name="loss">The loss of each image, <c>[N]</c>.</param>
    /// <param name="sigmas">Its noise level.</param>
    public Tensor Weigh(Tensor loss, ReadOnlySpan<double> sigmas)
    {
        using var scope = new Scope();
        var u = LogVariance(sigmas);
        return scope.Keep(loss * (-u).Exp() + u);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _frequencies.Dispose();
        _phases.Dispose();
        _weight.Dispose();
    }
}
