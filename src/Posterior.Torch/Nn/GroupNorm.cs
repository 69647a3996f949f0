namespace Posterior.Torch.Nn;

/// <summary>
/// Group normalisation (Wu, He 2018) with the keys <c>weight</c> and <c>bias</c>. Statistics are in single precision at least;
/// weights follow the type of the input. On the CPU, on channels-last memory, everything happens in two passes over the image, and in two more for the derivatives (<see cref="FastPath"/>).
/// </summary>
public sealed class GroupNorm : Module
{
    private readonly Parameter _weight, _bias;
    private readonly long _groups;
    private readonly double _epsilon;

    /// <summary>Unit gains and zero offsets.</summary>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public GroupNorm(long groups, long channels, double epsilon = 1e-5)
    {
        if (groups < 1 || channels % groups != 0) throw new ArgumentException($"{channels} channels cannot be divided into {groups} groups");
        (_groups, _epsilon) = (groups, epsilon);
        _weight = AddParameter("weight", Tensor.Ones([channels]));
        _bias = AddParameter("bias", Tensor.Zeros([channels]));
    }

    /// <summary>Normalises, then applies (1 + scale) and shift, then SiLU when asked.</summary>
    /// <param name="x"><c>[N, C, ...]</c>; channels-last memory is fastest.</param>
    /// <param name="silu">Whether z sigmoid(z) is applied to the result.</param>
    /// <param name="scale"><c>[N, C, 1, 1]</c>, or null for none.</param>
    /// <param name="shift"><c>[N, C, 1, 1]</c>, or null for none.</param>
    /// <param name="overwrites">Whether the result may take the memory of <paramref name="x"/>, which nobody reads afterwards.</param>
    /// <returns>The input's shape and memory order.</returns>
    public Tensor Forward(Tensor x, bool silu = false, Tensor? scale = null, Tensor? shift = null, bool overwrites = false)
    {
        var start = LayerProfile.Start();
        var y = FastPath.GroupNorm(x, null, _groups, _weight, _bias, _epsilon, scale, shift, silu, overwrites) ?? ThroughAten(x, silu, scale, shift);
        LayerProfile.Stop(start, "group normalisation", 0, y);
        return y;
    }

    /// <summary>Normalises the channels of two images side by side, as if they were concatenated, then applies SiLU when asked; or null where they must be concatenated: outside the fast path and in training.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>; channels-last memory is fastest.</param>
    /// <param name="beside"><c>[N, C', H, W]</c>.</param>
    /// <param name="silu">Whether z sigmoid(z) is applied to the result.</param>
    /// <returns><c>[N, C + C', H, W]</c>.</returns>
    public Tensor? ForwardBeside(Tensor x, Tensor beside, bool silu = false)
    {
        var start = LayerProfile.Start();
        if (FastPath.GroupNorm(x, beside, _groups, _weight, _bias, _epsilon, null, null, silu) is not { } y) return null;
        LayerProfile.Stop(start, "group normalisation", 0, y);
        return y;
    }

    private Tensor ThroughAten(Tensor x, bool silu, Tensor? scale, Tensor? shift)
    {
        using var scope = new Scope();
        var y = x.GroupNorm(_groups, _weight.Value.To(x.DType), _bias.Value.To(x.DType), _epsilon);
        if (scale is not null) y *= scale + 1;
        if (shift is not null) y += shift;
        return scope.Keep(silu ? y.Silu() : y);
    }
}
