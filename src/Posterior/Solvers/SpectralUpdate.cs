using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What one coordinate of the next state is made of: <c>Estimate b + Data ybar + Direction e + Fresh w</c>.</summary>
/// <param name="Estimate">The weight of <c>b = V^T x^0</c>.</param>
/// <param name="Data">The weight of <c>ybar = U^T y / s</c>.</param>
/// <param name="Direction">The weight of <c>e = (c - b) / sigma</c>, the predicted noise.</param>
/// <param name="Fresh">The weight of <c>w = V^T z</c>, new noise.</param>
internal readonly record struct CoordinateWeights(double Estimate, double Data, double Direction, double Fresh);

/// <summary>
/// The step of spectral solvers. Weights depend on a coordinate through its singular value alone, so they are computed on the small tensor of singular
/// values and broadcast: four passes over the image, whatever the method.
/// </summary>
internal sealed class SpectralUpdate
{
    private readonly SpectralOperator _h;
    private readonly double[] _s;
    private readonly long[] _shape;
    private readonly DType _dtype;
    private readonly Device _device;
    private readonly Tensor _data;

    public SpectralUpdate(SpectralOperator h, Tensor y)
    {
        using var scope = new Scope();
        _h = h;
        _s = h.SingularValues.To(DType.Float64).To(Device.Cpu).ToArray<double>();
        _shape = h.SingularValues.Shape.ToArray();
        (_dtype, _device) = (y.DType, y.Device);
        _data = scope.Keep(h.UT(y) * h.InverseSingularValues());
    }

    /// <summary>The first state: <c>Data ybar + Fresh V^T z</c>.</summary>
    public Tensor Start(Tensor z, Func<double, CoordinateWeights> rule)
    {
        using var scope = new Scope();
        var weights = Evaluate(rule);
        return scope.Keep((_h.VT(z) * Broadcast(weights, w => w.Fresh)).AddProductInPlace(_data, Broadcast(weights, w => w.Data)));
    }

    /// <summary>The next state.</summary>
    /// <param name="c">The state's coordinates.</param>
    /// <param name="b">The estimate's coordinates.</param>
    /// <param name="z">Image-shaped noise.</param>
    /// <param name="sigma">The state's noise level.</param>
    /// <param name="rule">The weights for a singular value.</param>
    public Tensor Step(Tensor c, Tensor b, Tensor z, double sigma, Func<double, CoordinateWeights> rule)
    {
        using var scope = new Scope();
        var weights = Evaluate(rule);
        // A new tensor, because coordinates may be views of images: nothing else is written to.
        var next = c * Broadcast(weights, w => w.Direction / sigma);
        next.AddProductInPlace(b, Broadcast(weights, w => w.Estimate - w.Direction / sigma));
        next.AddProductInPlace(_data, Broadcast(weights, w => w.Data));
        if (Array.Exists(weights, w => w.Fresh != 0)) next.AddProductInPlace(_h.VT(z), Broadcast(weights, w => w.Fresh));
        return scope.Keep(next);
    }

    private CoordinateWeights[] Evaluate(Func<double, CoordinateWeights> rule)
    {
        var weights = new CoordinateWeights[_s.Length];
        // Neighbours often share a singular value.
        for (var i = 0; i < weights.Length; i++) weights[i] = i > 0 && _s[i] == _s[i - 1] ? weights[i - 1] : rule(_s[i]);
        return weights;
    }

    private Tensor Broadcast(CoordinateWeights[] weights, Func<CoordinateWeights, double> part)
    {
        if (_dtype == DType.Float64) return Tensor.From(Array.ConvertAll(weights, w => part(w)), _shape).To(_device);
        return Tensor.From(Array.ConvertAll(weights, w => (float)part(w)), _shape).To(_device);
    }
}
