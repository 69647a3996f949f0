using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>One linear operator that was drawn from a family: plain numbers, from which the operator is made alone or in a batch.</summary>
/// <param name="Shape">The shape of images.</param>
public abstract record FamilyMember(ImageShape Shape)
{
    /// <summary>What the file of members calls this kind.</summary>
    public abstract string Kind { get; }

    /// <summary>Members of the same key are calculated together.</summary>
    internal virtual object BatchKey => Kind;

    /// <summary>The operator alone, for solvers that restore one operator at a time. The caller disposes it.</summary>
    /// <param name="name">Its text form.</param>
    /// <param name="dtype">The precision of the images to come.</param>
    /// <param name="device">The device of the images to come.</param>
    public abstract LinearOperator Bind(string name, DType dtype = DType.Float32, Device device = default);

    /// <summary>A batch of members of this key.</summary>
    internal abstract OperatorBatch Batch(IReadOnlyList<FamilyMember> members);

    /// <summary>What a file holds of this member besides its kind and shape; made anew, in the caller's scope.</summary>
    internal abstract (string Name, Tensor Tensor)[] Tensors();
}
