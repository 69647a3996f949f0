using Posterior.Torch.Weights.Pickle;

namespace Posterior.Torch.Weights.Containers;

/// <summary>Turns the object of a PyTorch file into named tensors and values: keys and list positions joined with dots.</summary>
internal sealed class TorchContents
{
    /// <summary>Deeper nesting than any checkpoint's; also the bound of the recursion below.</summary>
    private const int DeepestNesting = 100;

    private readonly MappedFile _file;
    private readonly Func<StorageReference, StorageBytes> _findStorage;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<object> _path = new(ReferenceEqualityComparer.Instance);
    private long _visitsLeft;
    private long _charactersLeft;
    private long _bytesLeft;
    private (string Name, string ClassName)? _firstObject;

    private TorchContents(MappedFile file, long pickleLength, Func<StorageReference, StorageBytes> findStorage)
    {
        _file = file;
        _findStorage = findStorage;
        _visitsLeft = 10_000 + 16 * pickleLength;
        _charactersLeft = (1 << 20) + 32 * pickleLength;
        _bytesLeft = SizeLimit.For(file);
    }

    /// <summary>The tensors, in the order of the file.</summary>
    public List<WeightEntry> Entries { get; } = [];

    /// <summary>Everything else that has a name.</summary>
    public Dictionary<string, object?> Values { get; } = new(StringComparer.Ordinal);

    /// <summary>Walks the object of a file.</summary>
    /// <param name="file">The file, for messages and limits.</param>
    /// <param name="root">What its pickle holds.</param>
    /// <param name="pickleLength">Bytes of the pickle; the walk is limited in proportion to it.</param>
    /// <param name="findStorage">Finds the bytes of a storage and checks their number.</param>
    /// <exception cref="WeightFileException">A tensor does not fit its storage, two have the same name, or the walk would not end.</exception>
    public static TorchContents Read(MappedFile file, object? root, long pickleLength, Func<StorageReference, StorageBytes> findStorage)
    {
        var contents = new TorchContents(file, pickleLength, findStorage);
        contents.Visit(string.Empty, root, 0);
        if (contents.Entries.Count == 0)
        {
            if (contents._firstObject is { } found)
            {
                throw file.Error(
                    $"holds no tensors, but {At(found.Name)} an object of class '{found.ClassName}': expected a state dict, as from model.state_dict()");
            }

            if (root is not (PickleDict or PickleList or PickleTuple))
                throw file.Error($"holds {PickleCalls.Describe(root)}, expected tensors");
        }

        return contents;
    }

    private static string At(string name) => name.Length == 0 ? "is" : $"at '{name}'";

    private void Visit(string name, object? value, int depth)
    {
        if (--_visitsLeft < 0)
            throw _file.Error("holds the same lists or dictionaries over and over: its contents are out of proportion to its size");
        switch (value)
        {
            case StoredTensor tensor:
                Add(name, tensor);
                break;
            case PickleDict dictionary:
                Enter(name, dictionary, depth);
                foreach (var (key, item) in dictionary.Pairs)
                {
                    Visit(Join(name, PlainValues.KeyText(key)), item, depth + 1);
                }

                _path.Remove(dictionary);
                break;
            case PickleList or PickleTuple when !PlainValues.IsPlainSequence(value):
                Enter(name, value, depth);
                var items = PlainValues.Items(value);
                for (var i = 0; i < items.Count; i++)
                {
                    Visit(Join(name, i.ToString(System.Globalization.CultureInfo.InvariantCulture)), items[i], depth + 1);
                }

                _path.Remove(value);
                break;
            default:
                if (value is OpaqueValue opaque)
                    _firstObject ??= (name, opaque.ClassName);
                if (PlainValues.Count(value) is var count && (_visitsLeft -= count) < 0)
                    throw _file.Error("holds the same lists over and over: its contents are out of proportion to its size");
                Values.TryAdd(name, PlainValues.Convert(value));
                break;
        }
    }

    private void Enter(string name, object container, int depth)
    {
        if (!_path.Add(container))
            throw _file.Error($"the list or dictionary {(name.Length == 0 ? "of the file" : $"'{name}'")} contains itself");
        if (depth >= DeepestNesting)
            throw _file.Error($"lists and dictionaries are nested more than {DeepestNesting} deep");
    }

    private string Join(string name, string key)
    {
        _charactersLeft -= name.Length + key.Length + 1;
        if (_charactersLeft < 0)
            throw _file.Error("the names of its contents are out of proportion to its size");
        return name.Length == 0 ? key : $"{name}.{key}";
    }

    private void Add(string name, StoredTensor tensor)
    {
        if (!_names.Add(name))
            throw _file.Error($"holds two tensors named '{name}'");
        var reference = tensor.Storage;
        var storage = _findStorage(reference);
        var storageSize = reference.Type.ElementSize();
        var elementSize = tensor.Type.ElementSize();
        var storageElements = reference.ViewElements * storageSize / elementSize;
        if (tensor.View.Fault(storageElements) is { } fault)
            throw _file.Error($"tensor '{name}' {fault}");
        if (!ElementTypes.TryCountBytes(tensor.View.Shape, tensor.Type, out var bytes) || (_bytesLeft -= bytes) < 0)
        {
            var shape = string.Join(", ", tensor.View.Shape);
            throw _file.Error($"tensor '{name}' of shape [{shape}] is out of proportion to the file of {_file.Length} bytes");
        }

        var source = new ViewBytes(storage, reference.ViewOffset * storageSize, tensor.View, elementSize);
        Entries.Add(new WeightEntry(name, tensor.Type, tensor.View.Shape, source));
    }
}
