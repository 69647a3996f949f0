using System.Globalization;
using Posterior.Imaging;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Operators;

/// <summary>
/// Members of families in a safetensors file, so that an evaluation uses the very same operators again: for member i the tensors <c>i.mask</c>,
/// <c>i.kernel</c> and <c>i.stride</c>, or <c>i.matrix</c>, and in the header its kind and shape.
/// </summary>
public static class FamilyFile
{
    private const string CountKey = "members";

    /// <summary>Writes members; an older file is replaced only when the new one is complete.</summary>
    /// <exception cref="WeightFileException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<FamilyMember> members)
    {
        using var scope = new Scope();
        var header = new Dictionary<string, string> { [CountKey] = members.Count.ToString(CultureInfo.InvariantCulture) };
        var tensors = new List<(string, Tensor)>();
        for (var i = 0; i < members.Count; i++)
        {
            header[Key(i, "kind")] = members[i].Kind;
            header[Key(i, "shape")] = members[i].Shape.ToString();
            foreach (var (name, tensor) in members[i].Tensors()) tensors.Add((Key(i, name), tensor));
        }
        SafetensorsWriter.Write(path, tensors, header);
    }

    /// <summary>Reads members.</summary>
    /// <exception cref="WeightFileException">The file cannot be read.</exception>
    /// <exception cref="OperatorException">It does not hold members of families, or their numbers are none of such operators.</exception>
    public static IReadOnlyList<FamilyMember> Read(string path)
    {
        using var scope = new Scope();
        using var file = WeightFile.Open(path);
        if (!int.TryParse(file.Metadata.GetValueOrDefault(CountKey), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            throw Wrong("expected operators of families, found no number of members in its header");
        return [.. Enumerable.Range(0, count).Select(Member)];

        FamilyMember Member(int i)
        {
            var sides = (file.Metadata.GetValueOrDefault(Key(i, "shape")) ?? "").Split('x').Select(side => long.TryParse(side, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : 0).ToArray();
            if (sides is not [> 0 and var c, > 0 and var h, > 0 and var w]) throw Wrong($"expected a shape CxHxW of member {i}");
            var shape = new ImageShape(c, h, w);
            switch (file.Metadata.GetValueOrDefault(Key(i, "kind")))
            {
                case ZeroMember.KindName:
                    return new ZeroMember(shape);
                case MaskMember.KindName:
                    var mask = Values(i, "mask", [h, w]).ToArray<double>();
                    return mask.All(value => value is 0 or 1) ? new MaskMember(shape, mask) : throw Wrong($"a mask holds 0 and 1 only, not so member {i}");
                case MotionBlurMember.KindName:
                    var stride = (int)Values(i, "stride", [1]).Item();
                    if (stride < 1 || h % stride != 0 || w % stride != 0) throw Wrong($"the stride {stride} of member {i} does not divide {h} x {w}");
                    return new MotionBlurMember(shape, Values(i, "kernel", [h, w]).ToArray<double>(), stride);
                case MatrixMember.KindName:
                    var matrix = Values(i, "matrix", [-1, shape.Count]);
                    return new MatrixMember(shape, matrix.To(DType.Float32).ToArray<float>());
                case var kind:
                    throw Wrong($"member {i} is of kind '{kind}', expected {MaskMember.KindName}, {MotionBlurMember.KindName}, {MatrixMember.KindName} or {ZeroMember.KindName}");
            }
        }

        // -1 stands for any number.
        Tensor Values(int i, string name, long[] shape)
        {
            if (!file.TryGet(Key(i, name), out var entry)) throw Wrong($"member {i} has no tensor '{name}'");
            var found = entry.Shape.ToArray();
            if (found.Length != shape.Length || found.Zip(shape).Any(pair => pair.Second >= 0 && pair.First != pair.Second))
                throw Wrong($"expected [{string.Join(", ", shape)}] as '{Key(i, name)}', found [{string.Join(", ", found)}]");
            var values = file.Load(Key(i, name)).To(DType.Float64);
            return values.IsFinite().All() ? values : throw Wrong($"'{Key(i, name)}' holds numbers that are not finite");
        }

        OperatorException Wrong(string what) => new($"{Path.GetFileName(path)}: {what}");
    }

    private static string Key(int member, string name) => string.Create(CultureInfo.InvariantCulture, $"{member}.{name}");
}
