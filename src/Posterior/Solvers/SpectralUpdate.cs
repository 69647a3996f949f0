using System.Numerics;
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
/// values and broadcast: four passes over the image, whatever the method. Its tensors belong to the scope that was open when it was made.
/// </summary>
internal sealed class SpectralUpdate
{
    private readonly SpectralOperator _h;
    private readonly double[] _s;
    private readonly Device _device;
    private readonly Tensor _data;

    // Broadcast factors of the state, the estimate, the data and the noise; on the host, overwritten in every step.
    private readonly Tensor _onState, _onEstimate, _onData, _onNoise;

    public SpectralUpdate(SpectralOperator h, Tensor y)
    {
        using var scope = new Scope();
        _h = h;
        _device = y.Device;
        _s = h.SingularValues.To(DType.Float64).To(Device.Cpu).ToArray<double>();
        _data = scope.Keep(h.UT(y) * h.InverseSingularValues());
        var shape = h.SingularValues.Shape;
        _onState = scope.Keep(Tensor.Zeros(shape, y.DType));
        _onEstimate = scope.Keep(Tensor.Zeros(shape, y.DType));
        _onData = scope.Keep(Tensor.Zeros(shape, y.DType));
        _onNoise = scope.Keep(Tensor.Zeros(shape, y.DType));
    }

    /// <summary>The first state: <c>Data ybar + Fresh V^T z</c>.</summary>
    public Tensor Start(Tensor z, Func<double, CoordinateWeights> rule)
    {
        using var scope = new Scope();
        Evaluate(rule, 1);
        return scope.Keep((_h.VT(z) * _onNoise.To(_device)).AddProductInPlace(_data, _onData.To(_device)));
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
        var noisy = Evaluate(rule, sigma);
        // A new tensor, because coordinates may be views of images: nothing else is written to.
        var next = c * _onState.To(_device);
        next.AddProductInPlace(b, _onEstimate.To(_device));
        next.AddProductInPlace(_data, _onData.To(_device));
        if (noisy) next.AddProductInPlace(_h.VT(z), _onNoise.To(_device));
        return scope.Keep(next);
    }

    private bool Evaluate(Func<double, CoordinateWeights> rule, double sigma) =>
        _onState.DType == DType.Float64 ? Evaluate<double>(rule, sigma) : Evaluate<float>(rule, sigma);

    // Whether there is fresh noise anywhere.
    private bool Evaluate<T>(Func<double, CoordinateWeights> rule, double sigma)
        where T : unmanaged, INumberBase<T>
    {
        var state = _onState.Memory<T>();
        var estimate = _onEstimate.Memory<T>();
        var data = _onData.Memory<T>();
        var noise = _onNoise.Memory<T>();
        var (weights, known, noisy) = (default(CoordinateWeights), double.NaN, false);
        for (var i = 0; i < _s.Length; i++)
        {
            // Neighbours often share a singular value.
            if (_s[i] != known)
            {
                known = _s[i];
                weights = rule(known);
                noisy |= weights.Fresh != 0;
            }
            // e = (c - b) / sigma.
            state[i] = T.CreateTruncating(weights.Direction / sigma);
            estimate[i] = T.CreateTruncating(weights.Estimate - weights.Direction / sigma);
            data[i] = T.CreateTruncating(weights.Data);
            noise[i] = T.CreateTruncating(weights.Fresh);
        }
        return noisy;
    }
}
