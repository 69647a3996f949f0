using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>Two linear operators in a row, <c>H = A B</c>.</summary>
/// <remarks>The factors stay their owners': disposing the product frees neither.</remarks>
public sealed class ComposedOperator : LinearOperator
{
    /// <summary><c>A B</c>.</summary>
    /// <param name="outer">A, applied second.</param>
    /// <param name="inner">B, applied first.</param>
    /// <exception cref="OperatorException">What B measures is no image for A.</exception>
    public ComposedOperator(LinearOperator outer, LinearOperator inner)
    {
        if (inner.OutputShape is not [var c, var h, var w] || new ImageShape(c, h, w) != outer.InputShape)
        {
            throw new OperatorException(
                $"cannot apply '{outer.Name}' after '{inner.Name}': it takes images {outer.InputShape}, found measurements {string.Join('x', inner.OutputShape)}");
        }

        (Outer, Inner) = (outer, inner);
    }

    /// <summary>The operator that is applied second.</summary>
    public LinearOperator Outer { get; }

    /// <summary>The operator that is applied first.</summary>
    public LinearOperator Inner { get; }

    /// <inheritdoc/>
    public override ImageShape InputShape => Inner.InputShape;

    /// <inheritdoc/>
    public override IReadOnlyList<long> OutputShape => Outer.OutputShape;

    /// <inheritdoc/>
    public override bool MakesPictures => Outer.MakesPictures;

    /// <inheritdoc/>
    public override string Name => $"{Outer.Name} * {Inner.Name}";

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(Outer.Apply(Inner.Apply(x)));
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(Inner.Adjoint(Outer.Adjoint(y)));
    }
}
