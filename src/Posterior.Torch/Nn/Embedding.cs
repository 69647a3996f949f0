namespace Posterior.Torch.Nn;

/// <summary>A table of vectors with the key <c>weight</c>.</summary>
public sealed class Embedding : Module
{
    private readonly Parameter _weight;

    /// <summary>A zero table, to be loaded.</summary>
    public Embedding(long rows, long width) => _weight = AddParameter("weight", Tensor.Zeros([rows, width]));

    /// <summary>The table, <c>[rows, width]</c>.</summary>
    public Tensor Weight => _weight;

    /// <summary>The rows at Int64 indices.</summary>
    public Tensor Forward(Tensor indices) => _weight.Value.Embedding(indices);
}
