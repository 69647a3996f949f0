using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// The transforms of <see cref="Polyphase"/>'s images. Those of few pixels are products with a matrix: a fast transform of so short rows is mostly overhead.
/// </summary>
internal sealed class DirectFourier : IDisposable
{
    // From 8 x 8 pixels on the fast transform needs no more time.
    private const long MostPixels = 64;

    private readonly Polyphase _phases;

    // [pixels, real and imaginary parts of frequencies] and back; null for larger images.
    private readonly Constant? _forward, _backward;

    /// <summary>The transforms of one size.</summary>
    public DirectFourier(Polyphase phases)
    {
        _phases = phases;
        var pixels = phases.Rows * phases.Columns;
        if (pixels > MostPixels) return;
        using var scope = new Scope();
        var numbers = phases.Rows * (phases.Columns / 2 + 1) * 2;
        _forward = new Constant(Polyphase.Fourier(Tensor.Eye(pixels, DType.Float64).Reshape(pixels, phases.Rows, phases.Columns)).ViewAsReal().Reshape(pixels, numbers));
        _backward = new Constant(phases.Inverse(Tensor.Eye(numbers, DType.Float64).Reshape(numbers, phases.Rows, phases.Columns / 2 + 1, 2).ViewAsComplex()).Reshape(numbers, pixels));
    }

    /// <summary><see cref="Polyphase.Fourier"/>.</summary>
    /// <param name="x"><c>[..., rows, columns]</c>.</param>
    public Tensor Forward(Tensor x)
    {
        if (_forward is null) return Polyphase.Fourier(x);
        using var scope = new Scope();
        long[] outer = [.. x.Shape[..^2]];
        return scope.Keep(x.Reshape([.. outer, _phases.Rows * _phases.Columns]).MatMul(_forward.For(x)).Reshape([.. outer, _phases.Rows, _phases.Columns / 2 + 1, 2]).ViewAsComplex());
    }

    /// <summary><see cref="Polyphase.Inverse"/>.</summary>
    /// <param name="f"><c>[..., rows, columns / 2 + 1]</c>.</param>
    public Tensor Inverse(Tensor f)
    {
        if (_backward is null) return _phases.Inverse(f);
        using var scope = new Scope();
        long[] outer = [.. f.Shape[..^2]];
        return scope.Keep(f.ViewAsReal().Reshape([.. outer, _phases.Rows * (_phases.Columns / 2 + 1) * 2]).MatMul(_backward.For(f)).Reshape([.. outer, _phases.Rows, _phases.Columns]));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _forward?.Dispose();
        _backward?.Dispose();
    }
}
