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
/// <remarks>
/// A state is a tensor that only this class reads: the coordinates of an image, or, for operators that observe few of them (<see cref="IFewObservations"/>), the pixels and those few. What was not
/// observed has weights in common there, so that <c>x' = k x + l x^0 + m z + V_1 (a' - k a - l V_1^T x^0 - m V_1^T z)</c> needs V_1 twice, where transforms would need it six times.
/// </remarks>
internal sealed class SpectralUpdate
{
    private readonly SpectralOperator _h;
    private readonly IFewObservations? _few;
    private readonly double[] _s;
    private readonly Device _device;
    private readonly Tensor _data;

    // Broadcast factors of the state, the estimate, the data and the noise; on the host, overwritten in every step. With few observations the last ones are those of all that was not observed.
    private readonly Tensor _onState, _onEstimate, _onData, _onNoise;

    public SpectralUpdate(SpectralOperator h, Tensor y)
    {
        using var scope = new Scope();
        _h = h;
        _few = h is IFewObservations few && few.Rank > 0 && 2 * few.Rank <= h.SingularValues.Size(-1) ? few : null;
        _device = y.Device;
        var s = h.SingularValues.To(DType.Float64).To(Device.Cpu);
        if (_few is not null) s = s.Narrow(-1, 0, _few.Rank + 1); // the last one is 0
        _s = s.Contiguous().ToArray<double>();
        var data = h.UT(y) * h.InverseSingularValues();
        _data = scope.Keep(_few is null ? data : data.Narrow(-1, 0, _few.Rank).Clone());
        _onState = scope.Keep(Tensor.Zeros(s.Shape, y.DType));
        _onEstimate = scope.Keep(Tensor.Zeros(s.Shape, y.DType));
        _onData = scope.Keep(Tensor.Zeros(s.Shape, y.DType));
        _onNoise = scope.Keep(Tensor.Zeros(s.Shape, y.DType));
    }

    /// <summary>The image of a state.</summary>
    public Tensor Image(Tensor state) => _few is null ? _h.V(state) : Pixels(state).Reshape(_h.InputShape.Batch(state.Size(0)));

    /// <summary>The state of an image.</summary>
    public Tensor State(Tensor image)
    {
        if (_few is null) return _h.VT(image);
        using var scope = new Scope();
        var observed = _few.Observed(image);
        return scope.Keep(Joined(image, observed));
    }

    /// <summary>The first state: <c>Data ybar + Fresh V^T z</c>.</summary>
    public Tensor Start(Tensor z, Func<double, CoordinateWeights> rule)
    {
        using var scope = new Scope();
        Evaluate(rule, 1);
        if (_few is null) return scope.Keep((_h.VT(z) * _onNoise.To(_device)).AddProductInPlace(_data, _onData.To(_device)));
        var fresh = _few.Observed(z);
        var observed = (fresh * Few(_onNoise)).AddProductInPlace(_data, Few(_onData));
        var share = Rest(_onNoise);
        return scope.Keep(Joined((z * share).AddInPlace(_few.FromObserved(observed - fresh * share)), observed));
    }

    /// <summary>The next state.</summary>
    /// <param name="state">The state.</param>
    /// <param name="estimate">The image that the prior makes of it.</param>
    /// <param name="z">Image-shaped noise.</param>
    /// <param name="sigma">The state's noise level.</param>
    /// <param name="rule">The weights for a singular value.</param>
    public Tensor Step(Tensor state, Tensor estimate, Tensor z, double sigma, Func<double, CoordinateWeights> rule)
    {
        using var scope = new Scope();
        var noisy = Evaluate(rule, sigma);
        return scope.Keep(_few is null ? Next(state, _h.VT(estimate), z, noisy) : NextOfFew(_few, state, estimate, z));
    }

    /// <summary>The same for the estimate's own state.</summary>
    public Tensor Step(Tensor estimate, Tensor z, Func<double, CoordinateWeights> rule)
    {
        using var scope = new Scope();
        var noisy = Evaluate(rule, 1);
        var state = State(estimate);
        return scope.Keep(_few is null ? Next(state, state, z, noisy) : NextOfFew(_few, state, estimate, z));
    }

    private Tensor Next(Tensor c, Tensor b, Tensor z, bool noisy)
    {
        // A new tensor, because coordinates may be views of images: nothing else is written to.
        var next = c * _onState.To(_device);
        next.AddProductInPlace(b, _onEstimate.To(_device));
        next.AddProductInPlace(_data, _onData.To(_device));
        if (noisy) next.AddProductInPlace(_h.VT(z), _onNoise.To(_device));
        return next;
    }

    private Tensor NextOfFew(IFewObservations few, Tensor state, Tensor estimate, Tensor z)
    {
        var (pixels, rank) = (Pixels(state), few.Rank);
        var before = state.Narrow(-1, state.Size(-1) - rank, rank);
        var both = few.Observed(Tensor.Cat([estimate, z], 0));
        var (known, fresh) = (both.Narrow(0, 0, estimate.Size(0)), both.Narrow(0, estimate.Size(0), z.Size(0)));
        var observed = before * Few(_onState);
        observed.AddProductInPlace(known, Few(_onEstimate));
        observed.AddProductInPlace(_data, Few(_onData));
        observed.AddProductInPlace(fresh, Few(_onNoise));
        var (ofState, ofEstimate, ofNoise) = (Rest(_onState), Rest(_onEstimate), Rest(_onNoise));
        var correction = observed.Clone().AddInPlace(before, -ofState).AddInPlace(known, -ofEstimate).AddInPlace(fresh, -ofNoise);
        var next = few.FromObserved(correction);
        next.AddInPlace(pixels.Reshape(next.Shape), ofState).AddInPlace(estimate, ofEstimate).AddInPlace(z, ofNoise);
        return Joined(next, observed);
    }

    private Tensor Few(Tensor factors) => factors.Narrow(-1, 0, _few!.Rank).To(_device);

    private double Rest(Tensor factors) => factors.Narrow(-1, _few!.Rank, 1).Item();

    private Tensor Pixels(Tensor state) => state.Narrow(-1, 0, state.Size(-1) - _few!.Rank);

    private static Tensor Joined(Tensor image, Tensor observed) => Tensor.Cat([image.Reshape([.. observed.Shape[..^1], -1]), observed], -1);

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
