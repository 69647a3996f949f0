using System.Runtime.InteropServices;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation.Experiments;

/// <summary>
/// Features of restorations in a file: records of one length, a key and its numbers, only ever appended to. Several processes may write to it. A record that a crash cut off is
/// written over by the next one.
/// </summary>
/// <param name="path">The file; its folder exists.</param>
/// <param name="length">The number of features of an image.</param>
public sealed class FeatureLog(string path, int length)
{
    private const int KeyBytes = 16;
    private readonly Dictionary<string, long> _places = new(StringComparer.Ordinal);
    private long _read;

    private int RecordBytes => KeyBytes + length * sizeof(float);

    /// <summary>Whether there are features of a key. Only what was added since the last call is read.</summary>
    /// <param name="key">32 hexadecimal digits.</param>
    /// <exception cref="ImageException">The file cannot be read.</exception>
    public bool Has(string key)
    {
        if (!_places.ContainsKey(key)) Update();
        return _places.ContainsKey(key);
    }

    /// <summary>Adds the features of a key, whole or not at all.</summary>
    /// <param name="key">32 hexadecimal digits.</param>
    /// <param name="features"><c>[1, length]</c>.</param>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public void Append(string key, Tensor features)
    {
        var record = new byte[RecordBytes];
        Convert.FromHexString(key).CopyTo(record, 0);
        features.To(DType.Float32).Contiguous().CopyTo(MemoryMarshal.Cast<byte, float>(record.AsSpan(KeyBytes)));
        try
        {
            using var stream = SharedFile.Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            stream.Seek(stream.Length / RecordBytes * RecordBytes, SeekOrigin.Begin);
            stream.Write(record);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"features '{path}' cannot be written: {error.Message.Split('\n')[0]}", error);
        }
    }

    /// <summary>The features of keys.</summary>
    /// <param name="keys">Keys that there are.</param>
    /// <returns><c>[keys, length]</c>, Float32.</returns>
    /// <exception cref="ImageException">The file cannot be read.</exception>
    /// <exception cref="KeyNotFoundException">There are no features of a key.</exception>
    public Tensor Load(IReadOnlyList<string> keys)
    {
        Update();
        var values = new float[keys.Count * length];
        try
        {
            using var stream = SharedFile.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            for (var i = 0; i < keys.Count; i++)
            {
                stream.Seek(_places[keys[i]] + KeyBytes, SeekOrigin.Begin);
                stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan(i * length, length)));
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"features '{path}' cannot be read: {error.Message.Split('\n')[0]}", error);
        }
        return Tensor.From(values, keys.Count, length);
    }

    private void Update()
    {
        if (!File.Exists(path)) return;
        try
        {
            using var stream = SharedFile.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var key = new byte[KeyBytes];
            for (var end = stream.Length / RecordBytes * RecordBytes; _read < end; _read += RecordBytes)
            {
                stream.Seek(_read, SeekOrigin.Begin);
                stream.ReadExactly(key);
                _places[Convert.ToHexStringLower(key)] = _read;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"features '{path}' cannot be read: {error.Message.Split('\n')[0]}", error);
        }
    }
}
