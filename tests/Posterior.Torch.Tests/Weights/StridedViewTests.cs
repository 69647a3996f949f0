using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

public sealed class StridedViewTests
{
    private const int StorageElements = 4096;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public unsafe void Copy_matches_element_by_element_indexing_for_random_views(int elementSize)
    {
        var random = new Random(elementSize);
        var storage = new byte[StorageElements * elementSize];
        random.NextBytes(storage);
        for (var trial = 0; trial < 300; trial++)
        {
            var view = RandomView(random);
            Assert.Null(view.Fault(StorageElements));
            var expected = ByIndex(view, storage, elementSize);
            var actual = new byte[expected.Length];

            fixed (byte* source = storage)
            {
                fixed (byte* destination = actual)
                {
                    view.CopyTo(source, elementSize, destination);
                }
            }

            Assert.True(expected.AsSpan().SequenceEqual(actual), view.ToString());
        }
    }

    [Fact]
    public void Last_element_decides_whether_a_view_fits()
    {
        var view = new StridedView(2, [3, 4], [10, 2]);

        Assert.Null(view.Fault(29));
        Assert.Contains("element 28 of a storage of 28", view.Fault(28), StringComparison.Ordinal);
    }

    [Fact]
    public void Strides_that_overflow_are_a_fault()
        => Assert.NotNull(new StridedView(1, [2, 2], [long.MaxValue, long.MaxValue]).Fault(long.MaxValue));

    [Fact]
    public void Empty_view_fits_every_storage() => Assert.Null(new StridedView(0, [0, 5], [5, 1]).Fault(0));

    /// <summary>Shapes with sizes 0 to 5 and strides that may be contiguous, permuted, spread or zero.</summary>
    private static StridedView RandomView(Random random)
    {
        var rank = random.Next(0, 5);
        var shape = new long[rank];
        var strides = new long[rank];
        for (var d = 0; d < rank; d++)
        {
            shape[d] = random.Next(random.Next(8) == 0 ? 0 : 1, 6);
        }

        long next = 1;
        int[] order = [.. Enumerable.Range(0, rank).Reverse()];
        if (random.Next(2) == 0)
            random.Shuffle(order);
        foreach (var d in order)
        {
            strides[d] = random.Next(6) == 0 ? 0 : next * (random.Next(3) == 0 ? 2 : 1);
            next = Math.Max(next, Math.Min(strides[d] * shape[d], 150));
        }

        return new StridedView(random.Next(0, 20), shape, strides);
    }

    private static byte[] ByIndex(StridedView view, byte[] storage, int elementSize)
    {
        var elements = view.Shape.Aggregate(1L, (product, size) => product * size);
        var result = new byte[elements * elementSize];
        for (long i = 0; i < elements; i++)
        {
            var (rest, position) = (i, view.Offset);
            for (var d = view.Shape.Length - 1; d >= 0; d--)
            {
                position += rest % view.Shape[d] * view.Strides[d];
                rest /= view.Shape[d];
            }

            storage.AsSpan((int)(position * elementSize), elementSize).CopyTo(result.AsSpan((int)(i * elementSize)));
        }

        return result;
    }
}
