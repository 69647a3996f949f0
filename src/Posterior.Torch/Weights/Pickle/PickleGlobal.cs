namespace Posterior.Torch.Weights.Pickle;

/// <summary>What a name that a pickle refers to means to this reader.</summary>
internal enum GlobalRole
{
    /// <summary>A class or function outside the allow-list: a name and nothing else.</summary>
    Unknown,

    /// <summary>A storage class; it has an element type.</summary>
    Storage,

    /// <summary><c>torch.UntypedStorage</c>: bytes.</summary>
    UntypedStorage,

    /// <summary>An element type as a value, such as <c>torch.float16</c>.</summary>
    ElementType,

    /// <summary><c>torch.Size</c>.</summary>
    Size,

    /// <summary><c>torch.device</c>.</summary>
    Device,

    /// <summary><c>_rebuild_tensor</c>: storage, offset, size, stride.</summary>
    RebuildTensor,

    /// <summary><c>_rebuild_tensor_v2</c>: as before, then requires_grad and hooks.</summary>
    RebuildTensorV2,

    /// <summary><c>_rebuild_tensor_v3</c>: as before, then the element type over untyped storage.</summary>
    RebuildTensorV3,

    /// <summary><c>_rebuild_parameter</c>: a tensor, requires_grad, hooks.</summary>
    RebuildParameter,

    /// <summary><c>_rebuild_from_type_v2</c>: one of the functions above, a tensor class, arguments, attributes.</summary>
    RebuildFromType,

    /// <summary>A dictionary class; its arguments may hold pairs.</summary>
    Dictionary,

    /// <summary><c>collections.defaultdict</c>: its argument is a factory.</summary>
    DefaultDictionary,

    /// <summary>A set class; its argument may be a list.</summary>
    Set,

    /// <summary><c>bytes</c>.</summary>
    Bytes,

    /// <summary><c>_codecs.encode</c>: how protocol 2 writes bytes.</summary>
    Encode,
}

/// <summary>A module-level name that a pickle refers to. It stays a name: nothing is looked up, imported or called.</summary>
/// <param name="FullName">Module and name joined with a dot.</param>
/// <param name="Role">What the reader does with it.</param>
/// <param name="Type">The element type of a storage class or element type; null where the engine has no such type.</param>
internal sealed record PickleGlobal(string FullName, GlobalRole Role, DType? Type = null);
