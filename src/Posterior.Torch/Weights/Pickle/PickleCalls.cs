using System.Numerics;
using System.Text;

namespace Posterior.Torch.Weights.Pickle;

/// <summary>
/// What the calls in a pickle amount to. A call of an allow-listed function is carried out here, in C#, on data; a call of anything else
/// yields an <see cref="OpaqueValue"/> without looking at the arguments.
/// </summary>
/// <param name="pickleLength">Bytes of the pickle: the measure for what calls may allocate.</param>
internal sealed class PickleCalls(long pickleLength)
{
    /// <summary>Calls could copy one remembered string or list again and again; a pickle from Python copies each once.</summary>
    private long _copyBudget = (1 << 16) + 2 * pickleLength;

    /// <summary>REDUCE, INST and OBJ: calls a function or class with arguments.</summary>
    /// <returns>The result.</returns>
    /// <exception cref="PickleFault">The call makes no sense.</exception>
    public object? Call(object? callee, PickleTuple arguments)
    {
        if (callee is not PickleGlobal function)
            throw new PickleFault($"calls {Describe(callee)}, expected a function");
        var items = arguments.Items;
        return function.Role switch
        {
            GlobalRole.Unknown => new OpaqueValue(function.FullName),
            GlobalRole.RebuildTensor => Tensor(function, items, 4),
            GlobalRole.RebuildTensorV2 => Tensor(function, items, 6),
            GlobalRole.RebuildTensorV3 => Tensor(function, items, 7),
            GlobalRole.RebuildParameter => Parameter(function, items),
            GlobalRole.RebuildFromType => FromType(function, items),
            GlobalRole.Dictionary => Dictionary(function, items),
            GlobalRole.DefaultDictionary => new PickleDict(),
            GlobalRole.Set => Set(function, items),
            GlobalRole.Size => items is [PickleTuple or PickleList] ? items[0] : items is [] ? PickleTuple.Empty : throw Arguments(function, items),
            GlobalRole.Device => Device(function, items),
            GlobalRole.Bytes => items is [] ? Array.Empty<byte>() : new OpaqueValue(function.FullName),
            GlobalRole.Encode => Encode(function, items),
            _ => throw new PickleFault($"calls '{function.FullName}', which is not a function"),
        };
    }

    /// <summary>NEWOBJ: makes an instance of a class without calling its constructor.</summary>
    /// <exception cref="PickleFault">The class is a function, or a class that data does not instantiate so.</exception>
    public object? New(object? type, PickleTuple arguments) => type switch
    {
        PickleGlobal { Role: GlobalRole.Unknown or GlobalRole.Dictionary or GlobalRole.DefaultDictionary or GlobalRole.Set or GlobalRole.Size }
            => Call(type, arguments),
        PickleGlobal global => throw new PickleFault($"makes an instance of '{global.FullName}', which is not a class of data"),
        _ => throw new PickleFault($"makes an instance of {Describe(type)}, expected a class"),
    };

    /// <summary>
    /// BUILD: attributes of an object. They are ignored, and refused where Python would change something that is not an object of the file.
    /// </summary>
    /// <exception cref="PickleFault">The target takes no attributes.</exception>
    public static void Build(object? target)
    {
        if (target is not (PickleDict or OpaqueValue or StoredTensor))
            throw new PickleFault($"sets attributes of {Describe(target)}, expected an object");
    }

    /// <summary>A short name of a value's kind for messages.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        PickleGlobal global => $"'{global.FullName}'",
        OpaqueValue opaque => $"an object of '{opaque.ClassName}'",
        bool => "a boolean",
        long or BigInteger => "an integer",
        double => "a number",
        string => "a string",
        byte[] => "bytes",
        PickleList => "a list",
        PickleTuple => "a tuple",
        PickleDict => "a dictionary",
        PickleSet => "a set",
        StoredTensor => "a tensor",
        StorageReference => "a storage",
        _ => value.GetType().Name,
    };

    private static PickleFault Arguments(PickleGlobal function, object?[] items)
        => new($"calls '{function.FullName}' with unexpected arguments ({string.Join(", ", items.Take(8).Select(Describe))})");

    private static StoredTensor Tensor(PickleGlobal function, object?[] items, int atLeast)
    {
        if (items.Length < atLeast || items[0] is not StorageReference storage || items[1] is not long offset)
            throw Arguments(function, items);
        var view = new StridedView(offset, Integers(function, items[2], items), Integers(function, items[3], items));
        if (function.Role != GlobalRole.RebuildTensorV3)
            return new StoredTensor(storage, storage.Type, view);
        return items[6] switch
        {
            PickleGlobal { Role: GlobalRole.ElementType, Type: { } type } => new StoredTensor(storage, type, view),
            PickleGlobal { Role: GlobalRole.ElementType } other => throw new PickleFault($"holds a tensor of '{other.FullName}', which is not supported"),
            _ => throw Arguments(function, items),
        };
    }

    private static long[] Integers(PickleGlobal function, object? value, object?[] items)
    {
        var sequence = value switch
        {
            PickleTuple tuple => tuple.Items,
            PickleList { Count: <= StridedView.HighestRank } list => [.. list],
            _ => throw Arguments(function, items),
        };
        if (sequence.Length > StridedView.HighestRank)
            throw new PickleFault($"holds a tensor of {sequence.Length} dimensions, expected at most {StridedView.HighestRank}");
        return Array.ConvertAll(sequence, item => item as long? ?? throw Arguments(function, items));
    }

    private static StoredTensor Parameter(PickleGlobal function, object?[] items)
        => items is [StoredTensor tensor, ..] ? tensor : throw Arguments(function, items);

    private object? FromType(PickleGlobal function, object?[] items)
    {
        // Only one level: the inner function is a plain one, so hostile nesting cannot recurse.
        if (items is [PickleGlobal inner, _, PickleTuple arguments, ..]
            && inner.Role is GlobalRole.RebuildTensor or GlobalRole.RebuildTensorV2 or GlobalRole.RebuildTensorV3 or GlobalRole.RebuildParameter)
        {
            return Call(inner, arguments);
        }

        throw Arguments(function, items);
    }

    private PickleDict Dictionary(PickleGlobal function, object?[] items)
    {
        switch (items)
        {
            case []:
                return new PickleDict();
            case [PickleDict dictionary]:
                return dictionary;
        }

        var pairs = items switch
        {
            [PickleList list] => list,
            [PickleTuple tuple] => (IReadOnlyList<object?>)tuple.Items,
            _ => throw Arguments(function, items),
        };
        Spend(pairs.Count);
        var result = new PickleDict();
        foreach (var pair in pairs)
        {
            switch (pair)
            {
                case PickleTuple { Items: [var key, var value] }:
                    result.Add(key, value);
                    break;
                case PickleList { Count: 2 } list:
                    result.Add(list[0], list[1]);
                    break;
                default:
                    throw new PickleFault($"builds '{function.FullName}' from {Describe(pair)}, expected a pair");
            }
        }

        return result;
    }

    private PickleSet Set(PickleGlobal function, object?[] items)
    {
        var set = new PickleSet();
        switch (items)
        {
            case []:
                break;
            case [PickleList list]:
                Spend(list.Count);
                set.Items.AddRange(list);
                break;
            case [PickleTuple tuple]:
                Spend(tuple.Items.Length);
                set.Items.AddRange(tuple.Items);
                break;
            default:
                throw Arguments(function, items);
        }

        return set;
    }

    private static string Device(PickleGlobal function, object?[] items) => items switch
    {
        [string device] => device,
        [string { Length: <= 32 } device, long index] => $"{device}:{index}",
        _ => throw Arguments(function, items),
    };

    private byte[] Encode(PickleGlobal function, object?[] items)
    {
        if (items is not [string text, string encoding] || encoding is not ("latin1" or "latin-1" or "iso-8859-1" or "ascii" or "utf-8" or "utf8"))
            throw Arguments(function, items);
        Spend(text.Length);
        if (encoding is "utf-8" or "utf8")
            return Encoding.UTF8.GetBytes(text);
        if (text.AsSpan().IndexOfAnyExceptInRange('\0', '\u00ff') >= 0)
            throw new PickleFault("encodes text as Latin-1 that is not Latin-1");
        return Encoding.Latin1.GetBytes(text);
    }

    private void Spend(long items)
    {
        _copyBudget -= items;
        if (_copyBudget < 0)
            throw new PickleFault("copies more values than the file holds");
    }
}

/// <summary>A fault found while carrying out an instruction; the machine adds file and place.</summary>
internal sealed class PickleFault(string problem) : Exception(problem);
