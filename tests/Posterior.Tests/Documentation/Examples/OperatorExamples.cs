using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Documentation;

/// <summary>The examples of docs/operators.md.</summary>
internal static class OperatorExamples
{
    public static AdjointTest User()
    {
        using var h = new UserOperator(new ImageShape(3, 64, 64), [3, 64, 64], apply: x => x.Flip(3), adjoint: y => y.Flip(3), name: "mirror");
        var test = AdjointTest.Run(h); // the dot test: <H x, y> = <x, H^T y>
        if (!test.Holds) throw new InvalidOperationException($"the adjoint is wrong: {test}");
        return test;
    }

    public static Tensor Composed()
    {
        var shape = new ImageShape(3, 64, 64);
        using var blur = new SeparableConvolution(shape, Filter.Gaussian(1.5, 9), Filter.Gaussian(1.5, 9));
        using var average = new BlockAverage(shape, 4);
        using var h = average * blur;
        var x = h.PseudoInverse(Tensor.Zeros([1, 3, 16, 16])); // by conjugate gradients
        return x;
    }
}
