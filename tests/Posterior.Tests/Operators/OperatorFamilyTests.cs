using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Operators;

/// <summary>Random operators and batches in which each image has its own.</summary>
[Collection(LiveHandles.Name)]
public sealed class OperatorFamilyTests : IDisposable
{
    private static readonly ImageShape _shape = new(3, 8, 16);

    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-families-").FullName;

    public static TheoryData<string> Names => new(OperatorFamilies.All.Select(family => family.Name).Append("mixed"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_batch_obeys_adjointness_and_the_Moore_Penrose_conditions_for_each_of_its_operators(string name)
    {
        var before = LiveHandles.Count();
        using (new Scope())
        {
            using var h = OperatorBatch.Of(Members(name));
            var noise = new SeededNoise([.. Enumerable.Range(0, (int)h.Count).Select(i => (ulong)i)]);
            var (x, x2) = (noise.Normal([h.Count, 2, .. Image()], DType.Float64), noise.Normal([h.Count, 2, .. Image()], DType.Float64));
            var (y, y2) = (noise.Normal([h.Count, 2, h.Rows], DType.Float64), noise.Normal([h.Count, 2, h.Rows], DType.Float64));
            var (hx, py) = (h.Apply(x), h.PseudoInverse(y));
            Close(Dots(hx, y), Dots(x, h.Adjoint(y)), "<Hx, y> = <x, H'y>");
            Close(hx, h.Apply(h.PseudoInverse(hx)), "H H+ H = H");
            Close(py, h.PseudoInverse(h.Apply(py)), "H+ H H+ = H+");
            Close(Dots(h.PseudoInverse(hx), x2), Dots(x, h.PseudoInverse(h.Apply(x2))), "H+ H is symmetric");
            Close(Dots(h.Apply(py), y2), Dots(y, h.Apply(h.PseudoInverse(y2))), "H H+ is symmetric");
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_image_of_a_batch_gets_what_its_operator_alone_gives_and_padding_stays_zero(string name)
    {
        using var scope = new Scope();
        var members = Members(name);
        using var batch = OperatorBatch.Of(members);
        var noise = new SeededNoise([.. Enumerable.Range(0, members.Count).Select(i => (ulong)i)]);
        var (x, y) = (noise.Normal([members.Count, .. Image()], DType.Float64), noise.Normal([members.Count, batch.Rows], DType.Float64));
        var (hx, hy, py) = (batch.Apply(x), batch.Adjoint(y), batch.PseudoInverse(y));
        for (var i = 0; i < members.Count; i++)
        {
            using var alone = members[i].Bind("alone", DType.Float64);
            using var single = new SharedOperator(alone, 1);
            var measured = hx.Narrow(0, i, 1);
            Close(single.Apply(x.Narrow(0, i, 1)), measured.Narrow(1, 0, single.Rows), "H alone");
            Assert.Equal(0, measured.Narrow(1, single.Rows, batch.Rows - single.Rows).Abs().Sum().Item());
            var part = y.Narrow(0, i, 1).Narrow(1, 0, single.Rows);
            Close(single.Adjoint(part), hy.Narrow(0, i, 1), "H' alone, whatever is in the padding");
            Close(single.PseudoInverse(part), py.Narrow(0, i, 1), "H+ alone, whatever is in the padding");
        }
    }

    [Theory]
    [InlineData(1, 8, 16)]
    [InlineData(3, 32, 32)]
    [InlineData(2, 24, 8)]
    public void Small_blurs_as_matrices_give_what_Fourier_transforms_give(int channels, int height, int width)
    {
        using var scope = new Scope();
        var shape = new ImageShape(channels, height, width);
        MotionBlurMember[] members = [.. Enumerable.Range(0, 7).Select(seed => (MotionBlurMember)OperatorFamilies.MotionBlur.Draw(shape, (ulong)seed)).Where(blur => BlurMatrixBatch.Fits(shape, blur.Stride))];
        Assert.True(members.Select(member => member.Stride).Distinct().Count() > 1);
        using var matrices = new BlurMatrixBatch(shape, members);
        var noise = new SeededNoise([.. Enumerable.Range(0, members.Length).Select(i => (ulong)i)]);
        foreach (var (dtype, digits) in new[] { (DType.Float64, 1e-9), (DType.Float32, 1e-4) })
        {
            var (x, y) = (noise.Normal([members.Length, 2, channels, height, width], DType.Float64).To(dtype), noise.Normal([members.Length, 2, matrices.Rows], DType.Float64).To(dtype));
            var (hx, hy, py) = (matrices.Apply(x), matrices.Adjoint(y), matrices.PseudoInverse(y));
            for (var i = 0; i < members.Length; i++)
            {
                using var fourier = new MotionBlurBatch(shape, members[i].Stride, [members[i]]);
                var (rows, measured) = (fourier.Rows, y.Narrow(0, i, 1).Narrow(2, 0, fourier.Rows));
                Near(fourier.Apply(x.Narrow(0, i, 1)), hx.Narrow(0, i, 1).Narrow(2, 0, rows));
                Assert.Equal(0, hx.Narrow(0, i, 1).Narrow(2, rows, matrices.Rows - rows).Abs().Sum().Item());
                Near(fourier.Adjoint(measured), hy.Narrow(0, i, 1));
                Near(fourier.PseudoInverse(measured), py.Narrow(0, i, 1));
            }

            void Near(Tensor expected, Tensor found) => Assert.InRange((expected - found).Norm().Item() / expected.Norm().Item(), 0, digits);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_pass_through_a_batch(string name)
    {
        using var scope = new Scope();
        using var h = OperatorBatch.Of(Members(name));
        var noise = new SeededNoise([.. Enumerable.Range(0, (int)h.Count).Select(i => (ulong)i)]);
        var (x, y) = (noise.Normal([h.Count, .. Image()], DType.Float64), noise.Normal([h.Count, h.Rows], DType.Float64));
        if (name == "zero") return;
        x.RequiresGrad = true;
        Close(h.Adjoint(y), Tensor.Gradients(h.Apply(x), y, [x])[0]!, "gradient through H");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Mixtures_of_measurements_in_one_pass_equal_those_in_parts_in_double_precision(string name)
    {
        using var scope = new Scope();
        using var noGrad = new NoGrad();
        using var h = OperatorBatch.Of(Members(name));
        var noise = new SeededNoise([.. Enumerable.Range(0, (int)h.Count).Select(i => (ulong)i)]);
        var (x, y) = (noise.Normal([h.Count, 4, .. Image()], DType.Float64), h.Apply(noise.Normal([h.Count, .. Image()], DType.Float64)));
        var one = new SeededNoise(7);
        var (map, gate, factor) = (one.Normal([1, 3, 5], DType.Float64).Squeeze(0), one.Normal([1, 3, 2], DType.Float64).Squeeze(0), one.Normal([1, h.Count], DType.Float64).Squeeze(0));
        var expected = h.Through(x, new GatedMixture(y, map, gate, factor));
        var found = h.Through(x.To(DType.Float32), new GatedMixture(y.To(DType.Float32), map.To(DType.Float32), gate.To(DType.Float32), factor.To(DType.Float32)));
        Assert.Equal(expected.Shape, found.Shape);
        Assert.True((found.To(DType.Float64) - expected).Abs().Max().Item() <= 1e-4 * Math.Max(1, expected.Abs().Max().Item()));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Members_come_back_from_disk_as_they_were(string name)
    {
        using var scope = new Scope();
        var members = Members(name);
        var path = Path.Combine(_folder, "members.safetensors");
        FamilyFile.Write(path, members);
        var read = FamilyFile.Read(path);
        Assert.Equal(members.Select(member => (member.Kind, member.Shape)), read.Select(member => (member.Kind, member.Shape)));
        using var batch = OperatorBatch.Of(members);
        using var again = OperatorBatch.Of(read);
        var x = new SeededNoise([.. Enumerable.Range(0, members.Count).Select(i => (ulong)i)]).Normal([members.Count, .. Image()]);
        Assert.True(batch.Apply(x).ToArray<float>().AsSpan().SequenceEqual(again.Apply(x).ToArray<float>()));
    }

    [Fact]
    public void The_share_of_smooth_images_is_whole_for_masks_and_rows_over_pixels_for_matrices_and_knows_no_basis()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 16, 16);
        Assert.Equal(1, Share(OperatorFamilies.Patches), 6);
        Assert.Equal(1, Share(OperatorFamilies.BoxOutpainting), 6);
        Assert.Equal(1, Share(OperatorFamilies.Zero), 6);

        // The longer the stride, the less is left of what varies over an eighth of the side.
        var strides = Enumerable.Range(0, 40).Select(seed => (MotionBlurMember)OperatorFamilies.MotionBlur.Draw(new(3, 32, 32), (ulong)seed)).GroupBy(blur => blur.Stride).ToDictionary(group => group.Key, group => OneShare(group.First()));
        Assert.InRange(strides[2], strides[4], 1);
        Assert.InRange(strides[8], 0.003, strides[4]);

        var member = Enumerable.Range(0, 40).Select(seed => (MatrixMember)OperatorFamilies.Matrix.Draw(shape, (ulong)seed)).First(member => member.Rows > 60);
        using var matrix = OperatorBatch.Of([member]);
        Assert.InRange(matrix.SmoothShare.Item() * shape.Count / member.Rows, 0.7, 1.4);
        var (q, _) = new SeededNoise(2).Normal([1, member.Rows, member.Rows], DType.Float64).Squeeze(0).Qr();
        var turned = q.To(DType.Float32).MatMul(Tensor.From(member.Matrix, member.Rows, shape.Count)) * 3;
        using var other = OperatorBatch.Of([new MatrixMember(shape, turned.ToArray<float>())]);
        Assert.Equal(matrix.SmoothShare.Item(), other.SmoothShare.Item(), 1e-4);
        using var h = member.Bind("matrix");
        using var shared = new SharedOperator(h, 1);
        Assert.Equal(matrix.SmoothShare.Item(), shared.SmoothShare.Item(), 1e-4);

        double Share(OperatorFamily family)
        {
            return OneShare(family.Draw(shape, 4));
        }

        static double OneShare(FamilyMember member)
        {
            using var batch = OperatorBatch.Of([member]);
            return batch.SmoothShare.Item();
        }
    }

    [Fact]
    public void The_same_seed_draws_the_same_operator_and_another_seed_another_one()
    {
        using var scope = new Scope();
        var x = new SeededNoise(1).Normal([1, .. Image()]);
        foreach (var family in OperatorFamilies.All.Where(family => family != OperatorFamilies.Zero))
        {
            Assert.Equal(Measure(family, 5), Measure(family, 5));
            Assert.NotEqual(Measure(family, 5), Measure(family, 6));
        }

        float[] Measure(OperatorFamily family, ulong seed)
        {
            using var h = family.Draw(_shape, seed).Bind("h");
            return h.PseudoInverse(h.Apply(x)).ToArray<float>();
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    public void Boxes_of_the_smallest_images_are_drawn_at_once(int height, int width)
    {
        foreach (var family in OperatorFamilies.All.OfType<BoxFamily>())
        {
            var seen = ((MaskMember)family.Draw(new(3, height, width), 3)).Mask.Sum();
            Assert.Equal(1, seen);
        }
    }

    [Fact]
    public void Families_draw_what_the_paper_says()
    {
        using var scope = new Scope();
        var shape = new ImageShape(3, 32, 32);
        var seeds = Enumerable.Range(0, 200).Select(i => (ulong)i).ToArray();
        var visible = seeds.Select(seed => ((MaskMember)OperatorFamilies.Patches.Draw(shape, seed)).Mask.Average()).ToArray();
        Assert.All(visible, share => Assert.InRange(share, 1.0 / 1024, 0.35));
        Assert.InRange(visible.Average(), 0.03, 0.09);

        var strides = seeds[..60].Select(seed => (MotionBlurMember)OperatorFamilies.MotionBlur.Draw(shape, seed)).ToArray();
        Assert.Equal([2, 4, 8], strides.Select(member => member.Stride).Distinct().Order());
        Assert.All(strides, member => Assert.Equal(1, member.Kernel.Sum(), 12));
        Assert.All(strides, member => Assert.True(member.Kernel.Min() >= 0));

        var matrices = seeds[..60].Select(seed => (MatrixMember)OperatorFamilies.Matrix.Draw(shape, seed)).ToArray();
        Assert.All(matrices, member => Assert.InRange(member.Rows, 1, 128));
        Assert.InRange(matrices.Average(member => member.Rows), 50, 80);
        Assert.All(matrices, member => Assert.Equal(1, Math.Sqrt(member.Matrix.Take(3072).Sum(value => (double)value * value)), 5));

        foreach (var seed in seeds)
        {
            // A rectangle: as many visible pixels as visible rows times visible columns.
            var mask = ((MaskMember)OperatorFamilies.BoxOutpainting.Draw(shape, seed)).Mask;
            var rows = Enumerable.Range(0, 32).Count(row => mask.AsSpan(row * 32, 32).Contains(1));
            var columns = Enumerable.Range(0, 32).Count(column => Enumerable.Range(0, 32).Any(row => mask[row * 32 + column] == 1));
            Assert.Equal(rows * columns, mask.Sum());
        }
    }

    [Fact]
    public void A_motion_kernel_is_a_connected_trace_around_the_middle()
    {
        for (var seed = 0UL; seed < 30; seed++)
        {
            var random = new RandomStream(7, seed);
            var kernel = MotionKernel.Draw(24, 32, ref random);
            Assert.Equal(1, kernel.Sum(), 12);
            var (row, column) = (0.0, 0.0);
            for (var i = 0; i < kernel.Length; i++) (row, column) = (row + kernel[i] * (i / 32), column + kernel[i] * (i % 32));
            Assert.Equal(12, row, 6);
            Assert.Equal(16, column, 6);
            Assert.Equal(kernel.Count(value => value > 0), Connected(kernel, 24, 32));
        }
    }

    [Fact]
    public void A_matrix_with_dependent_rows_is_refused_with_its_rank()
    {
        using var scope = new Scope();
        var shape = new ImageShape(1, 2, 2);
        var good = new MatrixMember(shape, [1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 0]);
        var bad = new MatrixMember(shape, [1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0]);
        using var fine = OperatorBatch.Of([good]);
        Assert.Contains("the 3 rows of the matrix are not independent, 2 of them are", Assert.Throws<OperatorException>(() => OperatorBatch.Of([good, bad])).Message, StringComparison.Ordinal);
        Assert.Contains("not independent", Assert.Throws<OperatorException>(() => bad.Bind("bad")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_of_another_shape_and_files_of_other_things_are_refused()
    {
        using var scope = new Scope();
        using var h = OperatorBatch.Of([new ZeroMember(_shape), new ZeroMember(_shape)]);
        Assert.Contains("as many images of 3x8x16", Assert.Throws<OperatorException>(() => h.Apply(Tensor.Zeros([2, 3, 8, 8]))).Message, StringComparison.Ordinal);
        Assert.Contains("one shape", Assert.Throws<OperatorException>(() => OperatorBatch.Of([new ZeroMember(_shape), new ZeroMember(new(3, 8, 8))])).Message, StringComparison.Ordinal);
        var path = Path.Combine(_folder, "other.safetensors");
        Posterior.Torch.Weights.SafetensorsWriter.Write(path, [("a", Tensor.Zeros([1]))]);
        Assert.Contains("no number of members", Assert.Throws<OperatorException>(() => FamilyFile.Read(path)).Message, StringComparison.Ordinal);
        Assert.Contains("did you mean 'motion-blur'", Assert.Throws<OperatorException>(() => OperatorFamilies.Find("motion-blurr")).Message, StringComparison.Ordinal);
    }

    private static IReadOnlyList<FamilyMember> Members(string name)
    {
        if (name != "mixed") return [.. Enumerable.Range(0, 3).Select(seed => OperatorFamilies.Find(name).Draw(_shape, (ulong)seed))];
        // Kinds in turn, so that no kind is in one piece.
        return [.. Enumerable.Range(0, 2).SelectMany(seed => OperatorFamilies.All.Select(family => family.Draw(_shape, (ulong)seed)))];
    }

    private static int Connected(double[] kernel, int height, int width)
    {
        var start = Array.FindIndex(kernel, value => value > 0);
        var (seen, open) = (new HashSet<int> { start }, new Stack<int>([start]));
        while (open.TryPop(out var at))
        {
            for (var dy = -1; dy <= 1; dy++)
            {
                for (var dx = -1; dx <= 1; dx++)
                {
                    var (y, x) = (at / width + dy, at % width + dx);
                    if (y >= 0 && x >= 0 && y < height && x < width && kernel[y * width + x] > 0 && seen.Add(y * width + x)) open.Push(y * width + x);
                }
            }
        }
        return seen.Count;
    }

    private static long[] Image() => [_shape.Channels, _shape.Height, _shape.Width];

    private static Tensor Dots(Tensor a, Tensor b) => (a * b).Flatten(2).Sum([2]);

    private static void Close(Tensor expected, Tensor actual, string law)
    {
        Assert.True(expected.Shape.SequenceEqual(actual.Shape), $"{law}: {expected} and {actual}");
        var difference = (expected - actual).Abs().Max().Item();
        Assert.True(difference <= 1e-9 * Math.Max(1, expected.Abs().Max().Item()), $"{law}: off by {difference}");
    }
}
