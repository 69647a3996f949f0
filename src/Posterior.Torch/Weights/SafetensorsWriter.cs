using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Posterior.Torch.Weights;

/// <summary>
/// Writes safetensors files (format: https://huggingface.co/docs/safetensors). The file appears under its name only when it is complete and on
/// the disk; a failure leaves an older file of that name as it was.
/// </summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;
    private const int Chunk = 1 << 24;
    private const string MetadataKey = "__metadata__";

    /// <summary>Writes tensors in the given order.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <param name="entries">
    /// The tensors; each name once. Entries of an open <see cref="WeightFile"/> are allowed, also of the file being replaced.
    /// </param>
    /// <param name="metadata">Strings for the header; null for none.</param>
    /// <exception cref="WeightFileException">
    /// A name occurs twice, is reserved or is not Unicode; the format lacks an element type; or the file cannot be written.
    /// </exception>
    public static void Write(string path, IEnumerable<WeightEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(entries);
        IReadOnlyList<WeightEntry> tensors = [.. entries];
        var header = Header(path, tensors, metadata);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                stream.Write(header.Span);
                foreach (var tensor in tensors)
                {
                    WriteValues(stream, tensor);
                }

                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception failure)
        {
            Remove(temporary);
            if (failure is IOException or UnauthorizedAccessException or NotSupportedException)
                throw new WeightFileException(path, $"cannot be written: {failure.Message}", failure);
            throw;
        }
    }

    /// <summary>Writes tensors in the given order, with the types that they have (see <c>Module.NamedTensors</c>).</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <param name="tensors">Names and tensors; each name once.</param>
    /// <param name="metadata">Strings for the header; null for none.</param>
    /// <inheritdoc cref="Write(string, IEnumerable{WeightEntry}, IReadOnlyDictionary{string, string})"/>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        Write(path, tensors.Select(named => WeightEntry.FromTensor(named.Name, named.Tensor)), metadata);
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to report.
        }
    }

    /// <summary>Length, JSON and padding, so that the data start at a multiple of eight bytes.</summary>
    private static ReadOnlyMemory<byte> Header(string path, IReadOnlyList<WeightEntry> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write(new byte[sizeof(ulong)]);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
                WriteMetadata(path, json, metadata);
            WriteTensors(path, json, tensors);
            json.WriteEndObject();
        }

        var padding = (Alignment - buffer.WrittenCount % Alignment) % Alignment;
        buffer.Write("        "u8[..padding]);
        var header = buffer.WrittenMemory.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - sizeof(ulong)));
        return header;
    }

    private static void WriteMetadata(string path, Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject(MetadataKey);
        foreach (var (key, value) in metadata)
        {
            RequireUnicode(path, key);
            RequireUnicode(path, value);
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static void WriteTensors(string path, Utf8JsonWriter json, IReadOnlyList<WeightEntry> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        long offset = 0;
        foreach (var tensor in tensors)
        {
            RequireUnicode(path, tensor.Name);
            if (tensor.Name == MetadataKey)
                throw new WeightFileException(path, $"a tensor cannot be named '{MetadataKey}', safetensors reserves that name");
            if (!names.Add(tensor.Name))
                throw new WeightFileException(path, $"two tensors are named '{tensor.Name}', expected each name once");
            var type = ElementTypes.SafetensorsName(tensor.DType)
                ?? throw new WeightFileException(path, $"tensor '{tensor.Name}': safetensors has no element type {tensor.DType}");
            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", type);
            json.WriteStartArray("shape");
            foreach (var size in tensor.Shape)
            {
                json.WriteNumberValue(size);
            }

            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            json.WriteNumberValue(offset = checked(offset + tensor.ByteCount));
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    /// <summary>The JSON writer would put a replacement character in place of half a surrogate pair, and so change a name.</summary>
    private static void RequireUnicode(string path, string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                i++;
            else if (char.IsSurrogate(text[i]))
                throw new WeightFileException(path, $"the name or text '{text}' is not valid Unicode");
        }
    }

    private static unsafe void WriteValues(FileStream stream, WeightEntry tensor)
    {
        if (tensor.ByteCount == 0)
            return;
        var memory = (byte*)NativeMemory.Alloc((nuint)tensor.ByteCount);
        try
        {
            tensor.CopyTo(memory);
            for (long at = 0; at < tensor.ByteCount; at += Chunk)
            {
                stream.Write(new ReadOnlySpan<byte>(memory + at, (int)Math.Min(Chunk, tensor.ByteCount - at)));
            }
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }
}
