using System.Diagnostics.CodeAnalysis;
using Posterior.Torch.Weights.Containers;

namespace Posterior.Torch.Weights;

/// <summary>
/// An open weight file: safetensors or PyTorch's <c>.pt/.pth/.ckpt</c>, told apart by content. Opening reads and checks names, types and
/// shapes only; values are read from the mapped file when they are asked for. Nothing in a file is ever executed.
/// </summary>
/// <remarks>
/// Entries may be read from several threads, but not while the file is being closed. The file must not be overwritten in place while it is
/// open; replacing it by renaming, as <see cref="SafetensorsWriter"/> does, is safe.
/// </remarks>
public sealed class WeightFile : IDisposable
{
    private readonly MappedFile _file;
    private readonly IDisposable? _container;
    private readonly Dictionary<string, WeightEntry> _byName;

    private WeightFile(
        MappedFile file,
        WeightFileFormat format,
        IReadOnlyList<WeightEntry> entries,
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyDictionary<string, object?> values,
        IDisposable? container)
    {
        _file = file;
        _container = container;
        _byName = entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        Format = format;
        Entries = entries;
        Metadata = metadata;
        Values = values;
    }

    /// <summary>The path that was opened.</summary>
    public string FilePath => _file.FilePath;

    /// <summary>Bytes in the file.</summary>
    public long Length => _file.Length;

    /// <summary>The container format that was found.</summary>
    public WeightFileFormat Format { get; }

    /// <summary>All tensors, in the order of the file.</summary>
    public IReadOnlyList<WeightEntry> Entries { get; }

    /// <summary>The strings under <c>__metadata__</c> of a safetensors file; empty for PyTorch's containers.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>
    /// What a PyTorch checkpoint holds beside its tensors, by dotted path: null, <see cref="bool"/>, <see cref="long"/>,
    /// <see cref="System.Numerics.BigInteger"/>, <see cref="double"/>, <see cref="string"/>, <c>byte[]</c>, an
    /// <see cref="IReadOnlyList{T}"/> of those, or an <see cref="OpaqueValue"/> for an object of a foreign class. Empty for safetensors.
    /// </summary>
    public IReadOnlyDictionary<string, object?> Values { get; }

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="WeightFileException">The file has no tensor of that name.</exception>
    public WeightEntry this[string name]
        => _byName.TryGetValue(name, out var entry)
            ? entry
            : throw _file.Error($"expected a tensor named '{name}', found none among {Entries.Count}");

    /// <summary>Opens a weight file of any supported format.</summary>
    /// <param name="path">The file; its extension does not matter.</param>
    /// <exception cref="WeightFileException">
    /// The file is missing, is in no known format, is damaged, or asks for something that a weight file must not ask for.
    /// </exception>
    public static WeightFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = new MappedFile(path);
        try
        {
            return Read(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Finds the tensor of a name.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out WeightEntry? entry) => _byName.TryGetValue(name, out entry);

    /// <summary>Reads one tensor.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="device">Where it shall live.</param>
    /// <returns>A tensor of the stored type and shape; it belongs to the current <see cref="Scope"/>, or to the caller.</returns>
    /// <exception cref="WeightFileException">The file has no tensor of that name, or its record is damaged.</exception>
    public Tensor Load(string name, Device device = default) => this[name].Load(device);

    /// <summary>Reads all tensors whose name starts with a prefix, as <see cref="Nn.Module.LoadState"/> takes them.</summary>
    /// <param name="prefix">What the names start with (<c>state_dict.</c>, <c>ema.</c>); empty for all tensors.</param>
    /// <param name="device">Where they shall live.</param>
    /// <returns>The tensors by their full name, prefix included; they belong to the current <see cref="Scope"/>, or to the caller.</returns>
    /// <exception cref="WeightFileException">A record is damaged.</exception>
    public IReadOnlyDictionary<string, Tensor> LoadAll(string prefix = "", Device device = default)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        try
        {
            foreach (var entry in Entries)
            {
                if (entry.Name.StartsWith(prefix, StringComparison.Ordinal))
                    tensors.Add(entry.Name, entry.Load(device));
            }
        }
        catch
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }

            throw;
        }

        return tensors;
    }

    /// <summary>SHA-256 of the file as stored: 64 lowercase hexadecimal digits, as published beside many checkpoints.</summary>
    public string Sha256() => _file.Sha256();

    /// <summary>Closes the file; entries can no longer be read.</summary>
    public void Dispose()
    {
        _container?.Dispose();
        _file.Dispose();
    }

    private static WeightFile Read(MappedFile file)
    {
        // First, because the length that starts a safetensors file may happen to look like the start of another format.
        if (SafetensorsReader.Matches(file))
            return FromSafetensors(file);
        if (TorchZipReader.Matches(file))
        {
            var (contents, container) = TorchZipReader.Read(file);
            return FromTorch(file, WeightFileFormat.TorchZip, contents, container);
        }

        if (TorchLegacyReader.Matches(file))
            return FromTorch(file, WeightFileFormat.TorchLegacy, TorchLegacyReader.Read(file), container: null);
        if (FileSignature.Describe(file) is { } description)
            throw file.Error($"expected safetensors or a file from torch.save, this looks like {description}");
        return FromSafetensors(file);
    }

    private static WeightFile FromSafetensors(MappedFile file)
    {
        var reader = SafetensorsReader.Read(file);
        var none = new Dictionary<string, object?>();
        return new WeightFile(file, WeightFileFormat.Safetensors, reader.Entries, reader.Metadata, none, container: null);
    }

    private static WeightFile FromTorch(MappedFile file, WeightFileFormat format, TorchContents contents, IDisposable? container)
        => new(file, format, contents.Entries, new Dictionary<string, string>(), contents.Values, container);
}
