using System.Globalization;
using System.Numerics;
using Posterior.Torch.Weights.Pickle;

namespace Posterior.Torch.Weights.Containers;

/// <summary>The values beside the tensors: configuration, step counts, names.</summary>
internal static class PlainValues
{
    /// <summary>Whether a value is a list or tuple that holds neither tensors nor containers: such a list is one value.</summary>
    public static bool IsPlainSequence(object value)
        => Items(value).All(item => item is not (StoredTensor or PickleDict or PickleList or PickleTuple or PickleSet));

    /// <summary>The elements of a list or tuple.</summary>
    public static IReadOnlyList<object?> Items(object value) => value is PickleTuple tuple ? tuple.Items : (PickleList)value;

    /// <summary>How many elements <see cref="Convert"/> copies.</summary>
    public static int Count(object? value) => value switch
    {
        PickleTuple tuple => tuple.Items.Length,
        PickleList list => list.Count,
        PickleSet set => set.Items.Count,
        _ => 0,
    };

    /// <summary>The public form of a value: see <see cref="WeightFile.Values"/>.</summary>
    public static object? Convert(object? value) => value switch
    {
        PickleTuple tuple => Array.ConvertAll(tuple.Items, Scalar),
        PickleList list => list.ConvertAll(Scalar).ToArray(),
        PickleSet set => set.Items.ConvertAll(Scalar).ToArray(),
        _ => Scalar(value),
    };

    /// <summary>The part of a dotted name that a dictionary key stands for.</summary>
    public static string KeyText(object? key) => key switch
    {
        string text => text,
        PickleTuple tuple => $"({string.Join(", ", tuple.Items.Take(16).Select(ScalarText))})",
        _ => ScalarText(key),
    };

    private static string ScalarText(object? value) => value switch
    {
        string text => text.Length <= 256 ? text : text[..256],
        null => "None",
        bool flag => flag ? "True" : "False",
        long or BigInteger or double => ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture),
        byte[] bytes => PickleText.Latin1(bytes.AsSpan(0, Math.Min(bytes.Length, 256))),
        _ => $"<{PickleCalls.Describe(value)}>",
    };

    private static object? Scalar(object? value) => value switch
    {
        null or bool or long or BigInteger or double or string or byte[] or OpaqueValue => value,
        PickleGlobal { Role: GlobalRole.ElementType } type => type.FullName,
        PickleGlobal global => new OpaqueValue(global.FullName),
        StorageReference storage => new OpaqueValue($"torch.{storage.Type}Storage"),
        _ => new OpaqueValue(PickleCalls.Describe(value)),
    };
}
