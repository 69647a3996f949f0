namespace Posterior.Torch.Weights.Pickle;

/// <summary>A storage that a pickle refers to by key; the container knows where its bytes are.</summary>
/// <param name="Key">The record's name in the container.</param>
/// <param name="Type">The element type of the storage class; bytes for untyped storage.</param>
/// <param name="Elements">Elements of the whole record, as declared.</param>
/// <param name="ViewOffset">First element of the part that is meant (early legacy files split storages).</param>
/// <param name="ViewElements">Elements of the part that is meant; equal to <paramref name="Elements"/> without a split.</param>
internal sealed record StorageReference(string Key, DType Type, long Elements, long ViewOffset, long ViewElements);

/// <summary>A tensor that a pickle rebuilds: a view of a storage. Nothing is checked or read before it has a name.</summary>
internal sealed record StoredTensor(StorageReference Storage, DType Type, StridedView View);
