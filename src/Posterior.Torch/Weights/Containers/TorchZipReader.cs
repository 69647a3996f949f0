using System.Text;
using Posterior.Torch.Weights.Pickle;

namespace Posterior.Torch.Weights.Containers;

/// <summary>
/// Reads PyTorch's zip container: <c>NAME/data.pkl</c> describes the object, <c>NAME/data/KEY</c> holds the storages,
/// <c>NAME/byteorder</c> (since PyTorch 2.1) their byte order.
/// </summary>
internal sealed class TorchZipReader : IDisposable
{
    private const string PickleName = "data.pkl";

    private readonly MappedFile _file;
    private readonly ZipDirectory _zip;
    private readonly string _folder;
    private readonly Dictionary<string, StorageBytes> _storages = new(StringComparer.Ordinal);

    private TorchZipReader(MappedFile file)
    {
        _file = file;
        _zip = ZipDirectory.Read(file);
        _folder = FindFolder();
    }

    /// <summary>Whether a file starts as a zip archive does.</summary>
    public static bool Matches(MappedFile file)
        => file.Length >= 4 && (file.Span(0, 4).SequenceEqual("PK\x03\x04"u8) || file.Span(0, 4).SequenceEqual("PK\x05\x06"u8));

    /// <summary>Reads the names, types and shapes.</summary>
    /// <returns>The contents, and what keeps unpacked records alive.</returns>
    /// <exception cref="WeightFileException">The archive or its pickle is damaged or hostile.</exception>
    public static (TorchContents Contents, IDisposable Container) Read(MappedFile file)
    {
        var reader = new TorchZipReader(file);
        try
        {
            reader.CheckByteOrder();
            var pickle = reader.ReadPickle();
            var machine = new PickleMachine(file, static id => StorageTable.Reference(id, legacy: false));
            var root = machine.Run(pickle, out _);
            return (TorchContents.Read(file, root, pickle.Length, reader.FindStorage), reader);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var storage in _storages.Values.OfType<IDisposable>())
        {
            storage.Dispose();
        }
    }

    private string FindFolder()
    {
        var pickles = _zip.Records.Keys
            .Where(name => name == PickleName || name.EndsWith("/" + PickleName, StringComparison.Ordinal))
            .Take(2)
            .ToList();
        return pickles switch
        {
            [var name] => name[..^PickleName.Length],
            [] => throw _file.Error($"zip archive without {PickleName}: expected one from torch.save, found {_zip.Records.Count} records"
                + (_zip.Records.Count > 0 ? $", the first is '{_zip.Records.Keys.First()}'" : string.Empty)),
            _ => throw _file.Error($"zip archive with several {PickleName}: '{pickles[0]}' and '{pickles[1]}'"),
        };
    }

    private void CheckByteOrder()
    {
        if (!_zip.Records.TryGetValue(_folder + "byteorder", out var record))
            return;
        var order = record.Length <= 16 ? Encoding.ASCII.GetString(ReadRecord(record)) : "?";
        if (order != "little")
            throw _file.Error($"expected little-endian data, its byteorder record says '{order}'");
    }

    private byte[] ReadPickle()
    {
        var record = _zip.Records[_folder + PickleName];
        if (record.Length > PickleMachine.LongestPickle)
            throw _file.Error($"expected a pickle of at most {PickleMachine.LongestPickle} bytes, found {record.Length}");
        // PyTorch stores its pickles as they are; what a few bytes unpack to could ask for a thousand times their memory.
        if (record.Deflated && record.Length > SizeLimit.OfUnpacked(record.StoredLength))
            throw _file.Error($"expected a pickle that unpacks to at most {SizeLimit.OfUnpacked(record.StoredLength)} bytes, found {record.Length} in {record.StoredLength}");
        return ReadRecord(record);
    }

    private unsafe byte[] ReadRecord(ZipRecord record)
    {
        var bytes = OpenRecord(record);
        using var owner = bytes as IDisposable;
        return new ReadOnlySpan<byte>(bytes.Start(), (int)record.Length).ToArray();
    }

    private StorageBytes OpenRecord(ZipRecord record) => record.Deflated
        ? new DeflatedStorage(_file, record.Name, record.DataOffset, record.StoredLength, record.Length, record.Crc)
        : new MappedStorage(_file, record.Name, record.DataOffset, record.Length, record.Crc);

    private StorageBytes FindStorage(StorageReference reference)
    {
        var name = $"{_folder}data/{reference.Key}";
        if (!_storages.TryGetValue(reference.Key, out var storage))
        {
            if (!_zip.Records.TryGetValue(name, out var record))
                throw _file.Error($"expected the record '{name}', found none");
            storage = OpenRecord(record);
            _storages.Add(reference.Key, storage);
        }

        var needed = reference.Elements * reference.Type.ElementSize();
        if (storage.Length < needed)
            throw _file.Error($"record '{name}' has {storage.Length} bytes, expected {needed} for {reference.Elements} elements of {reference.Type}");
        return storage;
    }
}
