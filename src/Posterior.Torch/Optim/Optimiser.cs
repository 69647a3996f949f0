namespace Posterior.Torch.Optim;

/// <summary>Changes parameters along their accumulated gradients, one step at a time.</summary>
public abstract class Optimiser : IDisposable
{
    private readonly Tensor[] _parameters;

    /// <summary>An optimiser of the given parameters, which stay the caller's.</summary>
    protected Optimiser(IEnumerable<Tensor> parameters) => _parameters = [.. parameters];

    /// <summary>The step size.</summary>
    public double LearningRate { get; set; } = 1e-3;

    /// <summary>The number of steps taken.</summary>
    public virtual long Steps { get; set; }

    /// <summary>Moments by name, to save and to load into.</summary>
    public abstract IEnumerable<(string Name, Tensor Tensor)> State { get; }

    /// <summary>Takes one step along the accumulated gradients and forgets them.</summary>
    /// <param name="scale">A factor for all gradients (from clipping).</param>
    public abstract void Step(double scale = 1);

    /// <summary>The Euclidean norm of all accumulated gradients.</summary>
    public double GradientNorm()
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        Tensor? sum = null;
        foreach (var parameter in _parameters)
            if (parameter.Grad() is { } gradient) sum = sum is null ? gradient.Square().Sum() : sum.AddInPlace(gradient.Square().Sum());
        return sum is null ? 0 : Math.Sqrt(sum.Item());
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        foreach (var (_, tensor) in State) tensor.Dispose();
        GC.SuppressFinalize(this);
    }
}
