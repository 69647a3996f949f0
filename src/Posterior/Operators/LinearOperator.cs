using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>The second rung: a linear map <c>H</c> with its adjoint, hence with a pseudo-inverse.</summary>
public abstract class LinearOperator : ForwardOperator
{
    /// <summary><c>H^T y</c>.</summary>
    /// <param name="y"><c>[N, OutputShape]</c>.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    public abstract Tensor Adjoint(Tensor y);

    /// <summary>The Moore-Penrose pseudo-inverse <c>H^+ y</c>; by conjugate gradients unless the operator knows a closed form.</summary>
    /// <param name="y"><c>[N, OutputShape]</c>.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    public virtual Tensor PseudoInverse(Tensor y) => ConjugateGradient.PseudoInverse(this, y);

    /// <summary><c>A B</c>: first <paramref name="b"/>, then <paramref name="a"/>. Its pseudo-inverse comes from conjugate gradients.</summary>
    /// <exception cref="OperatorException">What b measures is no image for a.</exception>
    public static LinearOperator operator *(LinearOperator a, LinearOperator b) => new ComposedOperator(a, b);

    /// <summary>Back projection: the image closest to <paramref name="x"/> among those that explain <paramref name="y"/> best, <c>x - H^+(H x - y)</c>.</summary>
    public virtual Tensor Project(Tensor x, Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(x - PseudoInverse(Apply(x) - y));
    }
}
