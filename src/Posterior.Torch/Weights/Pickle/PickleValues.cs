namespace Posterior.Torch.Weights.Pickle;

/// <summary>A Python list. Scalars are plain .NET values: null, bool, long, BigInteger, double, string, byte[].</summary>
internal sealed class PickleList : List<object?>;

/// <summary>A Python tuple.</summary>
internal sealed class PickleTuple(object?[] items)
{
    /// <summary>The tuple without elements.</summary>
    public static PickleTuple Empty { get; } = new([]);

    /// <summary>The elements.</summary>
    public object?[] Items { get; } = items;
}

/// <summary>
/// A Python dictionary of any kind, in insertion order. Keys are kept as stored; the same key twice is found out when names are formed.
/// </summary>
internal sealed class PickleDict
{
    /// <summary>Keys and values.</summary>
    public List<KeyValuePair<object?, object?>> Pairs { get; } = [];

    /// <summary>Adds a pair.</summary>
    public void Add(object? key, object? value) => Pairs.Add(new(key, value));

    /// <summary>The value of a text key; null when there is none.</summary>
    public object? Find(string key) => Pairs.Find(pair => pair.Key is string text && text == key).Value;
}

/// <summary>A Python set or frozenset.</summary>
internal sealed class PickleSet
{
    /// <summary>The members, in the order of the file.</summary>
    public List<object?> Items { get; } = [];
}
