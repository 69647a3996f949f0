using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>The examples of docs/engine.md.</summary>
internal static class EngineExamples
{
    private static readonly Op _cumulativeSum = new("aten::cumsum");

    /// <summary>Running sums along a dimension.</summary>
    public static Tensor CumulativeSum(Tensor x, int dimension) => _cumulativeSum.Call(x, dimension);

    public static Tensor Normalised(Tensor x)
    {
        using var scope = new Scope();
        var centred = x - x.Mean(); // freed with the scope
        return scope.Keep(centred / centred.Norm()); // goes to the caller's scope
    }
}
