using System.Globalization;
using System.Text.RegularExpressions;
using Posterior.Networks.Hdit;
using Posterior.Oracles;
using Posterior.Torch;

namespace Posterior.Tests.Networks;

/// <summary>The building blocks of HDiT one by one; what to compute is read off the names of the tensors.</summary>
public sealed partial class HditLayerOracleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.Rows), "networks", "layers", MemberType = typeof(OracleFiles))]
    public void Layers_match_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        Skip.IfNot(oracle.Text("source")?.Contains("image_transformer_v2", StringComparison.Ordinal) ?? false, "layers of another network");
        using var scope = new Scope();
        var compared = 0;
        foreach (var name in oracle.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            var result = Compute(oracle, name) ?? throw new InvalidOperationException($"'{name}' is no known layer");
            if (name.StartsWith("out.window", StringComparison.Ordinal)) Assert.Equal(oracle.Integers(name), result.ToArray<long>());
            else oracle.Close(name, result);
            compared++;
        }
        Assert.True(compared > 0);
    }

    private static Tensor? Compute(OracleFile oracle, string name)
    {
        if (Sizes().Match(name) is { Success: true } sizes)
        {
            var positions = AxialRope.Positions(Number(sizes, "h"), Number(sizes, "w"));
            return (sizes.Groups["down"].Success ? AxialRope.Merge(positions) : positions).To(DType.Float32);
        }
        if (Heads().Match(name) is { Success: true } heads)
        {
            var frequencies = AxialRope.Frequencies(Number(heads, "d"), Number(heads, "n"));
            if (heads.Groups["what"].Value == "freqs") return frequencies;
            // The grid is that of the result.
            var shape = oracle.Shape(name);
            var grid = heads.Groups["what"].Value == "theta" ? shape : shape[1..];
            var angles = AxialRope.Angles(AxialRope.Positions(grid[0], grid[1]), frequencies);
            return heads.Groups["what"].Value == "theta" ? angles : AxialRope.Rotate(oracle.Tensor("in." + name["out.rotated_".Length..]), angles.Cos(), angles.Sin());
        }
        if (Windows().Match(name) is { Success: true } windows)
        {
            var length = Number(windows, "l");
            return Tensor.From(Enumerable.Range(0, length).Select(i => NeighbourhoodAttention.WindowStart(i, length, Number(windows, "k"))).ToArray(), length);
        }
        if (Neighbours().Match(name) is { Success: true } neighbours)
        {
            return NeighbourhoodAttention.Forward(
                oracle.Tensor("in.na.q") * double.Parse(neighbours.Groups["s"].Value, CultureInfo.InvariantCulture), [(oracle.Tensor("in.na.k"), oracle.Tensor("in.na.v"))], Number(neighbours, "k"));
        }
        return name is "out.cos.q" or "out.cos.k" ? CosineSimilarity.Scale(oracle.Tensor("in.na" + name["out.cos".Length..]), oracle.Tensor("in.cos.scale")) : null;
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^out\.pos_(?<h>\d+)x(?<w>\d+)(?<down>_downscaled)?$")]
    private static partial Regex Sizes();

    [GeneratedRegex(@"^out\.(?<what>freqs|theta|rotated_q)_dhead(?<d>\d+)_heads(?<n>\d+)$")]
    private static partial Regex Heads();

    [GeneratedRegex(@"^out\.window_start_L(?<l>\d+)_k(?<k>\d+)$")]
    private static partial Regex Windows();

    [GeneratedRegex(@"^out\.na\.scale(?<s>[\d.]+)_k(?<k>\d+)$")]
    private static partial Regex Neighbours();
}
