namespace Posterior.Torch.Optim;

/// <summary>
/// Adam (Kingma, Ba 2015) with decoupled weight decay (Loshchilov, Hutter 2019). With <see cref="WeightDecay"/> 0 it is Adam.
/// </summary>
public sealed class AdamW : Optimiser
{
    private readonly (string Name, Tensor Parameter, Tensor First, Tensor Second)[] _states;

    /// <summary>An optimiser of the given parameters with zero moments.</summary>
    public AdamW(IEnumerable<(string Name, Tensor Parameter)> parameters)
        : this([.. parameters])
    {
    }

    private AdamW((string Name, Tensor Parameter)[] parameters)
        : base(parameters.Select(p => p.Parameter)) =>
        _states = [.. parameters.Select(p => (p.Name, p.Parameter, p.Parameter.ZerosLike().Own(), p.Parameter.ZerosLike().Own()))];

    /// <summary>The decay rate of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>The decay rate of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The share of a weight that a step of size 1 removes; applied to tensors of rank 2 and more.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The moments by name: <c>NAME.exp_avg</c>, <c>NAME.exp_avg_sq</c>.</summary>
    public override IEnumerable<(string Name, Tensor Tensor)> State =>
        _states.SelectMany(state => new[] { (state.Name + ".exp_avg", state.First), (state.Name + ".exp_avg_sq", state.Second) });

    /// <inheritdoc/>
    public override void Step(double scale = 1)
    {
        Steps++;
        using var noGrad = new NoGrad();
        var (correction1, correction2) = (1 - Math.Pow(Beta1, Steps), 1 - Math.Pow(Beta2, Steps));
        foreach (var (_, parameter, first, second) in _states)
        {
            using var scope = new Scope();
            if (parameter.Grad() is not { } gradient) continue;
            if (scale != 1) gradient.MultiplyInPlace(scale);
            first.LerpInPlace(gradient, 1 - Beta1);
            second.MultiplyInPlace(Beta2).AddProductInPlace(gradient, gradient, 1 - Beta2);
            if (WeightDecay > 0 && parameter.Rank > 1) parameter.MultiplyInPlace(1 - LearningRate * WeightDecay);
            var denominator = second.Sqrt().MultiplyInPlace(1 / Math.Sqrt(correction2)).AddInPlace(Epsilon);
            parameter.AddQuotientInPlace(first, denominator, -LearningRate / correction1);
            parameter.ClearGrad();
        }
    }
}
