using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Posterior.Torch.Weights.Pickle;

namespace Posterior.Torch.Weights.Containers;

/// <summary>
/// Reads PyTorch's container from before version 1.6: pickles of a magic number, the protocol version, facts about the writing machine, the
/// object and the list of storage keys; then, for each key in that order, a 64-bit element count and the raw elements.
/// </summary>
internal sealed class TorchLegacyReader
{
    private const long ProtocolVersion = 1001;

    private static readonly BigInteger _magicNumber = BigInteger.Parse("119547037146038801333356", CultureInfo.InvariantCulture);

    private readonly MappedFile _file;
    private readonly Dictionary<string, StorageReference> _declared = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StorageBytes> _storages = new(StringComparer.Ordinal);
    private long _position;

    private TorchLegacyReader(MappedFile file) => _file = file;

    /// <summary>Whether a file starts as a pickle of protocol 2 or later does.</summary>
    public static bool Matches(MappedFile file) => file.Length >= 2 && file.Span(0, 2) is [0x80, >= 2 and <= 5];

    /// <summary>Reads the names, types and shapes.</summary>
    /// <exception cref="WeightFileException">The file is a pickle of another kind, damaged or hostile.</exception>
    public static TorchContents Read(MappedFile file)
    {
        var reader = new TorchLegacyReader(file);
        reader.CheckMagicNumber();
        if (reader.Next() is not ProtocolVersion)
            throw file.Error($"expected version {ProtocolVersion} of PyTorch's legacy container, found another");
        if (reader.Next() is not PickleDict system || system.Find("little_endian") is not true)
            throw file.Error("expected data from a little-endian machine, its system record says otherwise");
        var start = reader._position;
        var root = reader.Next(id => reader.Declare(StorageTable.Reference(id, legacy: true)));
        var pickleLength = reader._position - start;
        reader.ReadStorages(reader.Next());
        return TorchContents.Read(file, root, pickleLength, reader.FindStorage);
    }

    private void CheckMagicNumber()
    {
        object? first;
        try
        {
            first = Next();
        }
        catch (WeightFileException failure)
        {
            throw new WeightFileException(
                _file.FilePath, $"a bare pickle, expected a file from torch.save (zip or legacy container); {failure.Problem}", failure);
        }

        if (first is not BigInteger magic || magic != _magicNumber)
            throw _file.Error($"a bare pickle of {PickleCalls.Describe(first)}, expected a file from torch.save (zip or legacy container)");
    }

    private object? Next(Func<object?, object?>? persistentLoad = null)
    {
        var window = (int)Math.Min(_file.Length - _position, PickleMachine.LongestPickle);
        var value = new PickleMachine(_file, persistentLoad).Run(_file.Span(_position, window), out var consumed);
        _position += consumed;
        return value;
    }

    /// <summary>Keeps what the object says about a storage: the raw data do not repeat the element type.</summary>
    private object? Declare(object? reference)
    {
        if (reference is not StorageReference storage)
            return reference;
        if (_declared.TryAdd(storage.Key, storage))
            return storage;
        var first = _declared[storage.Key];
        if (first.Type != storage.Type || first.Elements != storage.Elements)
            throw new PickleFault($"declares storage '{storage.Key}' as {first.Elements} x {first.Type} and as {storage.Elements} x {storage.Type}");
        return storage;
    }

    private void ReadStorages(object? keys)
    {
        if (keys is not PickleList list)
            throw _file.Error($"expected the list of storage keys, found {PickleCalls.Describe(keys)}");
        foreach (var item in list)
        {
            var key = PlainValues.KeyText(item);
            if (!_declared.TryGetValue(key, out var declared))
                throw _file.Error($"lists the storage '{key}', which no tensor refers to");
            if (_file.Length - _position < sizeof(long))
                throw _file.Error($"truncated before storage '{key}'");
            var elements = BinaryPrimitives.ReadInt64LittleEndian(_file.Span(_position, sizeof(long)));
            _position += sizeof(long);
            if (elements != declared.Elements)
                throw _file.Error($"storage '{key}': expected {declared.Elements} elements, found {elements}");
            var bytes = elements * declared.Type.ElementSize();
            if (bytes > _file.Length - _position)
                throw _file.Error($"truncated in storage '{key}': expected {bytes} bytes, found {_file.Length - _position}");
            if (!_storages.TryAdd(key, new MappedStorage(_file, key, _position, bytes, crc: 0)))
                throw _file.Error($"lists the storage '{key}' twice");
            _position += bytes;
        }
    }

    private StorageBytes FindStorage(StorageReference reference)
        => _storages.TryGetValue(reference.Key, out var storage) ? storage : throw _file.Error($"expected a storage '{reference.Key}', found none");
}
