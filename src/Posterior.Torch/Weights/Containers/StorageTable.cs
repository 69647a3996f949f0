using Posterior.Torch.Weights.Pickle;

namespace Posterior.Torch.Weights.Containers;

/// <summary>The storages of a PyTorch container and the meaning of its persistent ids.</summary>
internal static class StorageTable
{
    private const int LongestKey = 256;

    /// <summary>
    /// Reads a persistent id: <c>('storage', class, key, location, elements)</c>, in legacy files with a sixth element that may split a storage
    /// (<c>(view key, offset, elements)</c>) and with <c>('module', class, file, source)</c> for source code, of which only the class's name is kept.
    /// </summary>
    public static object? Reference(object? id, bool legacy)
    {
        if (id is not PickleTuple { Items: [string kind, .. var items] })
            throw new PickleFault($"expected a persistent id of a storage, found {PickleCalls.Describe(id)}");
        if (legacy && kind == "module" && items is [PickleGlobal module, ..])
            return module;
        if (kind != "storage" || items.Length is < 4 or > 5)
            throw new PickleFault("expected a persistent id ('storage', class, key, location, elements)");
        var type = items[0] switch
        {
            PickleGlobal { Role: GlobalRole.Storage, Type: { } known } => known,
            PickleGlobal { Role: GlobalRole.UntypedStorage } => DType.UInt8,
            PickleGlobal other => throw new PickleFault($"holds a storage of class '{other.FullName}', which is not supported"),
            var other => throw new PickleFault($"expected a storage class, found {PickleCalls.Describe(other)}"),
        };
        var key = items[1] switch
        {
            string { Length: > 0 and <= LongestKey } text when !text.AsSpan().ContainsAny('/', '\\') => text,
            long number => number.ToString(System.Globalization.CultureInfo.InvariantCulture),
            string text => throw new PickleFault($"refers to the storage '{text}', which is not a plain record name"),
            var other => throw new PickleFault($"expected a storage key, found {PickleCalls.Describe(other)}"),
        };
        if (items[3] is not long elements || elements < 0 || elements > long.MaxValue / type.ElementSize())
            throw new PickleFault($"declares storage '{key}' with an impossible number of elements");
        return items.Length == 5 && items[4] is not null
            ? Split(key, type, elements, items[4], legacy)
            : new StorageReference(key, type, elements, 0, elements);
    }

    private static StorageReference Split(string key, DType type, long elements, object? view, bool legacy)
    {
        if (!legacy || view is not PickleTuple { Items: [_, long offset, long count] })
            throw new PickleFault($"refers to a part of storage '{key}' in an unknown way");
        if (offset < 0 || count < 0 || offset > elements - count)
            throw new PickleFault($"refers to elements {offset} to {(Int128)offset + count} of storage '{key}', which has {elements}");
        return new StorageReference(key, type, elements, offset, count);
    }
}
