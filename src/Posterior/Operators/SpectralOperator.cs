using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// The highest rung: <c>H = U diag(s) V^T</c> in memory proportional to the image.
/// Coordinates have a layout that the operator chooses, <c>[N, ...]</c> with as many numbers as the image has pixels; all four
/// maps use the same layout, and <see cref="SingularValues"/> broadcasts to it. Coordinates may be complex (Fourier bases): every
/// formula of a solver multiplies them by real factors only. Where <c>s = 0</c> nothing is measured: <see cref="UT"/> gives 0
/// there and <see cref="U"/> ignores what is there.
/// </summary>
public abstract class SpectralOperator : LinearOperator
{
    /// <summary>The singular values, real, not negative, zeros included; broadcasts to the coordinates.</summary>
    public abstract Tensor SingularValues { get; }

    /// <summary><c>V^T x</c>: the coordinates of images <c>[N, C, H, W]</c>.</summary>
    public abstract Tensor VT(Tensor x);

    /// <summary><c>V c</c>: the images with given coordinates, <c>[N, C, H, W]</c>.</summary>
    public abstract Tensor V(Tensor c);

    /// <summary><c>U^T y</c>: the coordinates of measurements, in the layout of <see cref="VT"/>.</summary>
    public abstract Tensor UT(Tensor y);

    /// <summary><c>U c</c>: the measurements with given coordinates, <c>[N, OutputShape]</c>.</summary>
    public abstract Tensor U(Tensor c);

    /// <summary>1 / s where s is positive, else 0.</summary>
    public virtual Tensor InverseSingularValues()
    {
        using var scope = new Scope();
        var s = SingularValues;
        var observed = s.Greater(0);
        return scope.Keep(observed.Where(observed.Where(s, s.OnesLike()).Reciprocal(), s.ZerosLike()));
    }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep(U(VT(x) * SingularValues));
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(V(UT(y) * SingularValues));
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(V(UT(y) * InverseSingularValues()));
    }

    /// <summary>
    /// Coordinates that were measured come from the measurement, the others stay. Where V selects pixels (inpainting) the result holds the
    /// measured ones bit for bit, which <c>x - H^+(H x - y)</c> would not.
    /// </summary>
    /// <inheritdoc/>
    public override Tensor Project(Tensor x, Tensor y)
    {
        using var scope = new Scope();
        return scope.Keep(V(SingularValues.Greater(0).Where(UT(y) * InverseSingularValues(), VT(x))));
    }
}
