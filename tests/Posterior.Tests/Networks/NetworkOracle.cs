using System.Text.Json;
using System.Text.Json.Nodes;
using Posterior.Oracles;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Tests.Networks;

/// <summary>Reads the tensors of network oracles and compares with their tolerance.</summary>
internal static class NetworkOracle
{
    /// <summary>Published configurations are in snake case.</summary>
    public static JsonSerializerOptions SpecOptions { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() }, PropertyNameCaseInsensitive = true };

    /// <summary>The settings that a spec states: null for a number is Python's word for the default.</summary>
    public static T Settings<T>(this OracleFile oracle)
    {
        var spec = JsonNode.Parse(oracle.Spec.GetRawText())!.AsObject();
        var numbers = typeof(T).GetProperties().Where(property => property.PropertyType.IsValueType && Nullable.GetUnderlyingType(property.PropertyType) is null).Select(property => SpecOptions.PropertyNamingPolicy!.ConvertName(property.Name)).ToHashSet();
        foreach (var name in spec.Where(pair => pair.Value is null && numbers.Contains(pair.Key)).Select(pair => pair.Key).ToArray()) spec.Remove(name);
        return spec.Deserialize<T>(SpecOptions)!;
    }

    public static Tensor Tensor(this OracleFile oracle, string name) => Tensor(oracle.Weights[name]);

    public static Tensor? Find(this OracleFile oracle, string name) => oracle.Weights.TryGet(name, out var entry) ? Tensor(entry) : null;

    public static Tensor Tensor(WeightEntry entry) => Torch.Tensor.FromBytes(entry.ReadBytes(), entry.DType, entry.Shape.ToArray());

    /// <summary>The weights that belong to an oracle.</summary>
    public static Dictionary<string, Tensor> LoadWeights(this OracleFile oracle)
    {
        using var file = WeightFile.Open(Path.Combine(Path.GetDirectoryName(oracle.FilePath)!, oracle.Text("weights")!));
        return file.Entries.ToDictionary(entry => entry.Name, Tensor);
    }

    /// <summary>max |a - ref| is at most tolerance times max |ref|.</summary>
    public static void Close(this OracleFile oracle, string name, Tensor actual)
    {
        var expected = oracle.Tensor(name);
        Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
        if (expected.Count == 0) return;
        var error = (actual.To(DType.Float64) - expected.To(DType.Float64)).Abs().Max().Item();
        var scale = expected.To(DType.Float64).Abs().Max().Item();
        Assert.True(error <= oracle.Tolerance * scale, FormattableString.Invariant($"{oracle.Name} {name}: error {error / scale:g3} of the largest value, tolerance {oracle.Tolerance:g3}"));
    }
}
