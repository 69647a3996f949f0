using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

/// <summary>What every operator must fulfil, whatever it measures, at odd, non-square, small and one-pixel sizes and for any number of channels.</summary>
[Collection(LiveHandles.Name)]
public sealed class OperatorBattery
{
    private const double Tolerance = 1e-9;

    // Beyond the examples of the catalogue: options that take other paths through the code.
    private static readonly string[] _variants =
    [
        "sr2", "sr3", "sr-bicubic2", "sr-bicubic3:threshold=0.2", "deblur-uniform4", "deblur-uniform5:boundary=symmetric", "deblur-uniform9:boundary=circular,threshold=0",
        "deblur-gauss", "deblur-gauss:sigma=1.5,boundary=reflect", "deblur-taps:v=1/2/3,h=3/2", "kernel:kernel.txt,stride=2", "kernel:kernel.txt,stride=3,threshold=0.3", "kernel:kernel.txt,threshold=0.5",
        "kernel:kernel.txt,normalize=no,threshold=0", "inpaint-random:0.9,seed=3", "inpaint-text:ok,size=7", "cs1", "cs2:seed=9", "block-cs4:block=4", "block-cs2:block=2,seed=4", "block-cs1:block=3",
        "severity-blur:max=1,t=0.5", "severity-mask:max=3,t=0.7", "severity-box:size=2,t=0.8", "severity-down:factor=4,t=0.7",
        "matrix:tall.npy", "matrix:plane.npy,per-channel=yes", "matrix:matrix.npy,threshold=9",
    ];

    private static readonly ImageShape[] _shapes = [new(3, 8, 8), new(1, 7, 10), new(4, 9, 5), new(3, 16, 6), new(1, 1, 1), new(3, 1, 4), new(2, 5, 1)];

    public static TheoryData<string, long, long, long> Cases()
    {
        var cases = new TheoryData<string, long, long, long>();
        foreach (var text in OperatorCatalog.Entries.Select(entry => entry.Example).Concat(_variants))
        {
            var spec = OperatorCatalog.Parse(text);
            var multiple = spec.RequiredMultiple;
            foreach (var shape in _shapes)
            {
                if (multiple >= 16 && shape.Count > 20) continue;
                var fitted = spec.LargestFit(shape with { Height = shape.Height * multiple, Width = shape.Width * multiple });
                if (Fits(spec, fitted)) cases.Add(text, fitted.Channels, fitted.Height, fitted.Width);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_operator_obeys_the_laws(string text, long channels, long height, long width)
    {
        var before = LiveHandles.Count();
        using (new Scope())
        {
            var shape = new ImageShape(channels, height, width);
            using var h = (SpectralOperator)OperatorCatalog.Parse(text).Bind(shape, new SmallFiles(shape), DType.Float64);
            Assert.Equal(shape, h.InputShape);
            var noise = new SeededNoise(1, 2);
            var x = noise.Normal(shape.Batch(2), DType.Float64);
            var y = noise.Normal([2, .. h.OutputShape], DType.Float64);

            Adjointness(h, x, y);
            MoorePenrose(h, x, y);
            Factors(h, x, y);
            Batches(h, x, y);
            SinglePrecision(h, x, y);
            ArgumentsStay(h, x, y);
            Gradients(h, x, y);
        }

        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void Every_entry_of_the_catalogue_is_in_the_battery()
    {
        var tested = Cases().Select(row => OperatorCatalog.Parse((string)row[0]).GetType()).ToHashSet();
        Assert.All(OperatorCatalog.Entries, entry => Assert.Contains(OperatorCatalog.Parse(entry.Example).GetType(), tested));
    }

    private static bool Fits(OperatorSpec spec, ImageShape shape) => spec switch
    {
        InpaintBoxSpec box => box.X + box.Width <= shape.Width && box.Y + box.Height <= shape.Height && (shape.Height, shape.Width) != (box.Height, box.Width),
        InpaintTextSpec => shape.Width > 5,
        MaskSeverity => shape.Height * shape.Width > 9,
        InpaintFileSpec => shape.Height * shape.Width > 1,
        InpaintRandomSpec => shape.Height * shape.Width > 4,
        HadamardSpec cs => shape.Height * shape.Width >= cs.Ratio,
        _ => true,
    };

    private static void Adjointness(SpectralOperator h, Tensor x, Tensor y)
    {
        var test = AdjointTest.Run(h);
        Assert.True(test.Holds, $"{h.Name}: {test}");
        Close(0, (Dot(h.Apply(x), y) - Dot(x, h.Adjoint(y))) / (x.Norm().Item() * y.Norm().Item()), h, "<Hx, y> = <x, H'y>");
    }

    private static void MoorePenrose(SpectralOperator h, Tensor x, Tensor y)
    {
        var (hx, py) = (h.Apply(x), h.PseudoInverse(y));
        Close(hx, h.Apply(h.PseudoInverse(hx)), h, "H H+ H = H");
        Close(py, h.PseudoInverse(h.Apply(py)), h, "H+ H H+ = H+");
        var noise = new SeededNoise(3, 4);
        var (x2, y2) = (noise.NormalLike(x), noise.NormalLike(y));
        var scale = x.Norm().Item() * x2.Norm().Item();
        Close(Dot(h.PseudoInverse(hx), x2) / scale, Dot(x, h.PseudoInverse(h.Apply(x2))) / scale, h, "H+ H is symmetric");
        Close(Dot(h.Apply(py), y2) / scale, Dot(y, h.Apply(h.PseudoInverse(y2))) / scale, h, "H H+ is symmetric");
        Close(x - h.PseudoInverse(hx - y), h.Project(x, y), h, "Project");
    }

    private static void Factors(SpectralOperator h, Tensor x, Tensor y)
    {
        var s = h.SingularValues;
        Assert.Equal(DType.Float64, s.DType);
        Assert.True(s.GreaterOrEqual(0).All());
        var (c, d) = (h.VT(x), h.UT(y));
        Close(x, h.V(c), h, "V V' = I");
        Close(c, h.VT(h.V(c)), h, "V' V = I");
        var observed = s.Greater(0).To(DType.Float64);
        Close(d, d * observed, h, "U' y is zero where nothing is observed");
        var projected = h.U(d);
        Close(h.Apply(h.PseudoInverse(y)), projected, h, "U U' = H H+");
        Close(d, h.UT(projected), h, "U' U = I where observed");
        Close(h.U(c), h.U(c * observed), h, "U ignores what is not observed");
        Close(c * observed, h.UT(h.U(c)), h, "U' U is the projection on observed coordinates");
        Close(h.Apply(x), h.U(s * c), h, "H = U s V'");
        Close(h.Adjoint(y), h.V(s * d), h, "H' = V s U'");
        Close(h.PseudoInverse(y), h.V(h.InverseSingularValues() * d), h, "H+ = V s+ U'");
        if (!IsComplex(c))
        {
            Assert.Equal(x.Count, c.Count);
            Close(1, c.Norm().Item() / x.Norm().Item(), h, "V' keeps lengths");
            var other = new SeededNoise(8, 9).NormalLike(c);
            Close(other, h.VT(h.V(other)), h, "V' V = I for any coordinates");
            Close(Dot(h.VT(x), other), Dot(x, h.V(other)), h, "V' is the adjoint of V");
            Close(Dot(h.UT(y), other), Dot(y, h.U(other)), h, "U' is the adjoint of U");
        }

        // Whatever the basis, a function of the singular values gives a symmetric map: V f(s) V'.
        var f = (s * 3).Cos() + 0.2;
        var x2 = new SeededNoise(5, 6).NormalLike(x);
        Close(Dot(h.V(f * c), x2), Dot(x, h.V(f * h.VT(x2))), h, "V f(s) V' is symmetric");
    }

    private static void Batches(SpectralOperator h, Tensor x, Tensor y)
    {
        for (var i = 0; i < 2; i++)
        {
            var (xi, yi) = (x.Narrow(0, i, 1), y.Narrow(0, i, 1));
            Close(h.Apply(x).Narrow(0, i, 1), h.Apply(xi), h, "batch of H");
            Close(h.PseudoInverse(y).Narrow(0, i, 1), h.PseudoInverse(yi), h, "batch of H+");
            Close(h.VT(x).Narrow(0, i, 1), h.VT(xi), h, "batch of V'");
        }
    }

    private static void SinglePrecision(SpectralOperator h, Tensor x, Tensor y)
    {
        Tensor[] single = [h.Apply(x.To(DType.Float32)), h.Adjoint(y.To(DType.Float32)), h.V(h.VT(x.To(DType.Float32))), h.U(h.UT(y.To(DType.Float32)))];
        Tensor[] exact = [h.Apply(x), h.Adjoint(y), x, h.U(h.UT(y))];
        Assert.All(single.Zip(exact), pair =>
        {
            Assert.Equal(DType.Float32, pair.First.DType);
            Close(pair.Second, pair.First.To(DType.Float64), h, "single precision", 1e-5);
        });
    }

    private static void ArgumentsStay(SpectralOperator h, Tensor x, Tensor y)
    {
        var (x0, y0, c) = (x.Clone(), y.Clone(), h.VT(x).Clone());
        var c0 = c.Clone();
        foreach (var result in new[] { h.Apply(x), h.VT(x), h.Adjoint(y), h.UT(y), h.PseudoInverse(y), h.Project(x, y), h.V(c), h.U(c) }) result.Zero();
        Assert.True(x.Equal(x0).All() && y.Equal(y0).All() && (c - c0).Abs().Equal(0).All(), $"{h.Name}: a result shares memory with its argument");
    }

    // Guided solvers differentiate through the operator: the gradient of <A x, y> is A' y.
    private static void Gradients(SpectralOperator h, Tensor x, Tensor y)
    {
        var leaf = x.Clone();
        leaf.RequiresGrad = true;
        Close(h.Adjoint(y), Tensor.Gradients(h.Apply(leaf), y, [leaf])[0]!, h, "gradient through H");
        Close(x, Tensor.Gradients(h.V(h.VT(leaf)), x, [leaf])[0]!, h, "gradient through V V'");
        var measured = y.Clone();
        measured.RequiresGrad = true;
        Close(h.Apply(x), Tensor.Gradients(h.Adjoint(measured), x, [measured])[0]!, h, "gradient through H'");
        var pseudo = Tensor.Gradients(h.PseudoInverse(measured), x, [measured])[0]!;
        Close(Dot(h.PseudoInverse(y), x), Dot(pseudo, y), h, "gradient through H+");
    }

    private static bool IsComplex(Tensor c) => c.DType is DType.Complex64 or DType.Complex128;

    private static double Dot(Tensor a, Tensor b) => (a * b).Sum().Item();

    private static void Close(double expected, double actual, SpectralOperator h, string law) =>
        Assert.True(Math.Abs(expected - actual) <= Tolerance * Math.Max(1, Math.Abs(expected)), $"{h.Name}: {law}: {expected} and {actual}");

    private static void Close(Tensor expected, Tensor actual, SpectralOperator h, string law, double tolerance = Tolerance)
    {
        Assert.True(expected.Shape.SequenceEqual(actual.Shape), $"{h.Name}: {law}: {expected} and {actual}");
        var difference = (expected - actual).Abs().Max().Item();
        Assert.True(difference <= tolerance * Math.Max(1, expected.Abs().Max().Item()), $"{h.Name}: {law}: off by {difference}");
    }
}
