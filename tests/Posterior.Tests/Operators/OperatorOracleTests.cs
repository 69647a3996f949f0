using Posterior.Operators;
using Posterior.Oracles;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

/// <summary>The operators against values computed with the authors' code.</summary>
[Trait("Category", "Oracle")]
public sealed class OperatorOracleTests
{
    [SkippableTheory]
    [MemberData(nameof(OracleFiles.Rows), "", "operator", MemberType = typeof(OracleFiles))]
    public void Operator_matches_the_oracle(string row)
    {
        using var file = OracleFiles.Open(row);
        using var scope = new Scope();
        using var h = OracleOperators.Bind(file, file.Spec);
        var (x, u) = (OracleOperators.Read(file, "x"), OracleOperators.Read(file, "u"));
        foreach (var dtype in new[] { DType.Float64, DType.Float32 })
        {
            double Rounding(Tensor y) => dtype == DType.Float32 ? SingleRounding(h, y) : 0;
            var (xs, us) = (x.To(dtype), u.To(dtype));
            Check(file, "Hx", h.Apply(xs));
            Check(file, "Ht_u", h.Adjoint(us));
            Check(file, "Hpinv_u", h.PseudoInverse(us), Rounding(u));
            Check(file, "HtHx", h.Adjoint(h.Apply(xs)));
            Check(file, "HpinvHx", h.PseudoInverse(h.Apply(xs)), Rounding(h.Apply(x)));
            Check(file, "Hx", h.U(h.VT(xs) * h.SingularValues.To(dtype)));
            Check(file, "Hpinv_u", h.V(h.UT(us) * h.InverseSingularValues().To(dtype)), Rounding(u));
            if (file.Has("Hx_exact")) Check(file, "Hx_exact", Assert.IsType<SeparableConvolution>(h).ApplyUntruncated(xs));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(OracleFiles.Rows), "", "operator", MemberType = typeof(OracleFiles))]
    public void Singular_values_match_the_oracle(string row)
    {
        using var file = OracleFiles.Open(row);
        using var scope = new Scope();
        using var h = OracleOperators.Bind(file, file.Spec);
        var coordinates = h.VT(OracleOperators.Read(file, "x").Narrow(0, 0, 1));
        var found = (h.SingularValues + coordinates.ZerosLike()).ToArray<double>();
        var expected = file.Doubles("singular_values");
        Array.Sort(found, (a, b) => b.CompareTo(a));
        Assert.All(found.Skip(expected.Length), s => Assert.Equal(0, s));
        Check(file, "singular_values", Tensor.From(found.AsSpan(0, expected.Length), expected.Length));
        if (file.Spec.TryGetProperty("zeroed_1d", out var zeroed))
        {
            Assert.Equal(
                (zeroed.GetProperty("vertical").GetInt32(), zeroed.GetProperty("horizontal").GetInt32()), Assert.IsType<SeparableConvolution>(h).Zeroed);
        }
    }

    [Fact]
    public void What_single_precision_loses_to_small_singular_values_is_foreseen()
    {
        using var scope = new Scope();
        Filter filter = Filter.Centred([0.06, 0.24, 0.4, 0.24, 0.06]);
        SeparableConvolution Blur(DType dtype) => new(new(1, 24, 24), filter, filter, 1, Boundary.Zero, 1e-4) { DType = dtype };
        using var exact = Blur(DType.Float64);
        using var single = Blur(DType.Float32);
        var x = new SeededNoise(1, 2).Normal([2, 1, 24, 24], DType.Float64);
        var y = exact.Apply(x);
        var expected = exact.PseudoInverse(y);
        var lost = (single.PseudoInverse(single.Apply(x.To(DType.Float32))).To(DType.Float64) - expected).Norm().Item();
        Assert.InRange(lost, SingleRounding(exact, y) / 100, SingleRounding(exact, y));
    }

    /// <summary>Sampler oracles carry operators too: each can be rebuilt and explains the measurement of its file.</summary>
    [SkippableTheory]
    [MemberData(nameof(SamplerRows))]
    public void Operators_of_sampler_files_fit_their_measurements(string row)
    {
        using var file = OracleFiles.Open(row);
        using var scope = new Scope();
        Skip.IfNot(file.Has("y"), "no measurement in the file");
        using var h = OracleOperators.Bind(file, file.Spec.GetProperty("operator"));
        var y = OracleOperators.Read(file, "y");

        // A matrix measures a vector, which some files store as an image.
        Assert.Equal(h.OutputShape.Aggregate(1L, (count, size) => count * size), y.Count / y.Size(0));
        y = y.Reshape([-1, .. h.OutputShape]);
        Assert.True(AdjointTest.Run(h).Holds);
        if (file.Has("H_matrix") && file.Shape("H_matrix")[0] == y.Count)
        {
            var columns = h.Apply(Tensor.Eye(h.InputShape.Count, DType.Float64).Reshape(h.InputShape.Batch(h.InputShape.Count)));
            Near(OracleOperators.Read(file, "H_matrix"), columns.Reshape(h.InputShape.Count, -1).Transpose(0, 1), file, "H_matrix");
        }

        if (!file.Has("x_true") || !file.Has("n_y") && file.Spec.TryGetProperty("sigma_y", out var sigma) && sigma.GetDouble() > 0) return;
        var expected = h.Apply(OracleOperators.Read(file, "x_true"));
        if (file.Has("n_y")) expected = expected.AddScaled(OracleOperators.Read(file, "n_y"), file.Spec.GetProperty("sigma_y").GetDouble());
        Near(y, expected, file, "y");
    }

    public static IEnumerable<object[]> SamplerRows()
    {
        var rows = OracleFiles.Enumerate("").Where(HasOperator).Select(row => new object[] { row }).ToList();
        return rows.Count > 0 ? rows : [[OracleFiles.NoFiles]];
    }

    private static bool HasOperator(string row)
    {
        using var file = OracleFiles.Open(row);
        return file.Text("spec") is not null && file.Spec.TryGetProperty("operator", out var h) && h.TryGetProperty("op", out _);
    }

    private static void Check(OracleFile file, string name, Tensor actual, double rounding = 0) => Near(OracleOperators.Read(file, name), actual.To(DType.Float64), file, name, rounding);

    // The length of what H^+ makes of the rounding of y in single precision: small singular values, which nothing limits but the file's threshold, enlarge it. In double precision nothing is allowed for it.
    private static double SingleRounding(SpectralOperator h, Tensor y)
    {
        const double Roundings = 8.0 / (1 << 24);
        using var scope = new Scope();
        var inverse = h.InverseSingularValues() + h.VT(Tensor.Zeros(h.InputShape.Batch(1), DType.Float64));
        return Roundings * inverse.Norm().Item() * y.Norm().Item() / Math.Sqrt(y.Count / y.Size(0));
    }

    private static void Near(Tensor expected, Tensor actual, OracleFile file, string name, double rounding = 0)
    {
        Assert.True(expected.Shape.SequenceEqual(actual.Shape), $"{file.Name}: {name}: {expected} and {actual}");
        var (error, length) = ((expected - actual).Norm().Item(), Math.Max(1e-30, expected.Norm().Item()));
        Assert.True(error <= file.Tolerance * length + rounding, $"{file.Name}: {name}: relative error {error / length}");
    }
}
