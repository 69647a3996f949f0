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

    /// <summary>Normalises <c>[N, C, ...]</c>.</summary>
    public Tensor Forward(Tensor x) => x.GroupNorm(_groups, _weight, _bias, _epsilon);
}
