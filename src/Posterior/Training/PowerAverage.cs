using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Training;

/// <summary>
/// The power-function average of weights over a training (EDM2, Karras et al. 2024, Eq. 3): step t has the weight t^gamma, so that
/// the average's width is a fixed share of the training so far.
/// </summary>
public sealed class PowerAverage : IDisposable
{
    private readonly (string Name, Tensor Source, Tensor Average)[] _weights;

    /// <summary>An average that starts at the module's present weights.</summary>
    /// <param name="module">The module in training.</param>
    /// <param name="gamma">The exponent; 6.94 is a relative width of 0.10, 16.97 of 0.05.</param>
    public PowerAverage(Module module, double gamma)
    {
        Gamma = gamma;
        using var noGrad = new NoGrad();
        _weights = [.. module.NamedParameters.Select(p => (p.Name, p.Tensor, p.Tensor.Detach().Clone().Own()))];
    }

    /// <summary>The exponent.</summary>
    public double Gamma { get; }

    /// <summary>The averaged weights by name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State => _weights.Select(weight => (weight.Name, weight.Average));

    /// <summary>Takes the present weights in, after training step <paramref name="step"/> (from 1).</summary>
    public void Update(long step)
    {
        using var noGrad = new NoGrad();
        // beta = (1 - 1/t)^(gamma + 1), Eq. 5.
        var weight = 1 - Math.Pow(1 - 1.0 / step, Gamma + 1);
        foreach (var (_, source, average) in _weights) average.LerpInPlace(source, weight);
    }

    /// <summary>Exchanges the averaged weights with the module's; calling it again exchanges them back.</summary>
    public void Swap()
    {
        using var noGrad = new NoGrad();
        foreach (var (_, source, average) in _weights)
        {
            using var scope = new Scope();
            var kept = source.Detach().Clone();
            source.CopyFrom(average);
            average.CopyFrom(kept);
        }
    }

    /// <summary>Frees the averages.</summary>
    public void Dispose()
    {
        foreach (var (_, _, average) in _weights) average.Dispose();
    }
}
