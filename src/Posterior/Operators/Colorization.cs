using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// A grey measurement of a colour image: <c>y = sum_c w_c x_c</c>. Coordinates are an orthonormal change of the channels: the first is along the
/// weights (<c>s = |w|</c>), the others are unobserved.
/// </summary>
public sealed class Colorization : StructuredOperator
{
    private readonly Constant _basis;
    private readonly double _sign;

    /// <summary>Weights that sum to 1 in four digits, those of the DDRM and DDNM code.</summary>
    public static IReadOnlyList<double> DefaultWeights { get; } = [0.3333, 0.3334, 0.3333];

    /// <summary>A weighted sum of the channels.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="weights">One for each channel, not all zero; null takes <see cref="DefaultWeights"/> for 3 channels, else equal ones.</param>
    /// <param name="name">The text form.</param>
    /// <exception cref="OperatorException">There are not as many weights as channels, or they are all zero or not finite.</exception>
    public Colorization(ImageShape shape, IReadOnlyList<double>? weights = null, string name = "colorize")
        : base(name, shape, 1, shape.Height, shape.Width)
    {
        using var scope = new Scope();
        weights ??= shape.Channels == 3 ? DefaultWeights : [.. Enumerable.Repeat(1.0 / shape.Channels, (int)shape.Channels)];
        if (weights.Count != shape.Channels)
            throw new OperatorException($"operator '{name}': expected a weight for each of {shape.Channels} channels, found {weights.Count}");
        var length = Math.Sqrt(weights.Sum(w => w * w));
        if (!double.IsFinite(length) || length == 0) throw new OperatorException($"operator '{name}': the weights must be finite and not all zero");

        // The Householder reflection that exchanges w / |w| and -sign e1; the sign avoids cancellation.
        var size = weights.Count;
        _sign = weights[0] < 0 ? 1 : -1;
        var v = weights.Select((w, i) => w / length - (i == 0 ? _sign : 0)).ToArray();
        var norm = v.Sum(a => a * a);
        var basis = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j < size; j++)
                basis[i * size + j] = ((i == j ? 1 : 0) - 2 * v[i] * v[j] / norm) * (i == 0 ? _sign : 1);
        }

        _basis = Own(Tensor.From(basis, size, size));
        var values = Tensor.Zeros([1, size, 1, 1], DType.Float64);
        values.Narrow(1, 0, 1).Fill(length);
        SetSingularValues(values);
    }

    /// <inheritdoc/>
    public override Tensor VT(Tensor x)
    {
        CheckImages(x);
        return Mix(_basis.For(x), x);
    }

    /// <inheritdoc/>
    public override Tensor V(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(Mix(_basis.For(c).Transpose(0, 1), c));
    }

    /// <inheritdoc/>
    public override Tensor UT(Tensor y)
    {
        CheckMeasurements(y);
        return y.Pad([0, 0, 0, 0, 0, InputShape.Channels - 1]);
    }

    /// <inheritdoc/>
    public override Tensor U(Tensor c)
    {
        using var scope = new Scope();
        return scope.Keep(c.Narrow(1, 0, 1).Clone().Contiguous());
    }

    private Tensor Mix(Tensor matrix, Tensor x)
    {
        using var scope = new Scope();
        var n = x.Size(0);
        var mixed = matrix.Unsqueeze(0).Expand(n, matrix.Size(0), matrix.Size(1)).MatMul(x.Reshape(n, InputShape.Channels, -1));
        return scope.Keep(mixed.Reshape(InputShape.Batch(n)));
    }
}
