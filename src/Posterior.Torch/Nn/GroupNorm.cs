namespace Posterior.Torch.Nn;

/// <summary>Group normalisation with the keys <c>weight</c> and <c>bias</c>.</summary>
public sealed class GroupNorm : Module
{
    private readonly Parameter _weight, _bias;
    private readonly long _groups;
    private readonly double _epsilon;

    /// <summary>Unit gains and zero offsets.</summary>
    public GroupNorm(long groups, long channels, double epsilon = 1e-5)
    {
        (_groups, _epsilon) = (groups, epsilon);
        _weight = AddParameter("weight", Tensor.Ones([channels]));
        _bias = AddParameter("bias", Tensor.Zeros([channels]));
    }

    /// <summary>
    /// Normalises <c>[N, C, ...]</c>, then <c>y (1 + scale) + shift</c> where a scale is given, then <c>y sigmoid(y)</c> where asked for:
    /// what the blocks of diffusion networks do, in one call so that it can run in one pass.
    /// </summary>
    /// <param name="x">Features, <c>[N, C, ...]</c>.</param>
    /// <param name="silu">Whether SiLU follows.</param>
    /// <param name="scale">What is added to the gain of each image, <c>[N, C, 1, 1]</c>; null for nothing.</param>
    /// <param name="shift">The offset of each image, <c>[N, C, 1, 1]</c>; null for none.</param>
    public Tensor Forward(Tensor x, bool silu = false, Tensor? scale = null, Tensor? shift = null)
    {
        using var scope = new Scope();
        var y = x.GroupNorm(_groups, _weight, _bias, _epsilon);
        if (scale is not null) y = y * (scale + 1);
        if (shift is not null) y = y + shift;
        return scope.Keep(silu ? y.Silu() : y);
    }
}
