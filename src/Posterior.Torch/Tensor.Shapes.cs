namespace Posterior.Torch;

public sealed partial class Tensor
{
    private static readonly Op _reshape = new("aten::reshape"), _permute = new("aten::permute"), _transpose = new("aten::transpose", "int"),
        _unsqueeze = new("aten::unsqueeze"), _squeeze = new("aten::squeeze", "dim"), _expand = new("aten::expand"), _slice = new("aten::slice", "Tensor"),
        _select = new("aten::select", "int"), _indexSelect = new("aten::index_select"), _indexCopyInto = new("aten::index_copy_"), _gather = new("aten::gather"),
        _cat = new("aten::cat"), _stack = new("aten::stack"), _chunk = new("aten::chunk"), _flip = new("aten::flip"), _roll = new("aten::roll"), _repeat = new("aten::repeat"),
        _repeatInterleave = new("aten::repeat_interleave", "self_int"), _flatten = new("aten::flatten", "using_ints"), _pad = new("aten::pad"), _sort = new("aten::sort"),
        _index = new("aten::index", "Tensor"), _diag = new("aten::diag"), _unfold = new("aten::unfold"), _pixelShuffle = new("aten::pixel_shuffle"), _pixelUnshuffle = new("aten::pixel_unshuffle"),
        _viewAsReal = new("aten::view_as_real"), _viewAsComplex = new("aten::view_as_complex"), _diagonal = new("aten::diagonal");

    /// <summary>The same elements in another shape; one size may be -1.</summary>
    public Tensor Reshape(params ReadOnlySpan<long> shape) => _reshape.Call(this, shape);

    /// <summary>Dimensions in another order, a view.</summary>
    public Tensor Permute(params ReadOnlySpan<long> order) => _permute.Call(this, order);

    /// <summary>The diagonals of matrices that lie in two dimensions, a view; they become the last dimension.</summary>
    public Tensor Diagonal(int rows = 0, int columns = 1) => _diagonal.Call(this, 0, rows, columns);

    /// <summary>Two dimensions exchanged, a view.</summary>
    public Tensor Transpose(int a, int b) => _transpose.Call(this, a, b);

    /// <summary>A dimension of size 1 inserted, a view.</summary>
    public Tensor Unsqueeze(int dimension) => _unsqueeze.Call(this, dimension);

    /// <summary>A dimension of size 1 removed, a view.</summary>
    public Tensor Squeeze(int dimension) => _squeeze.Call(this, dimension);

    /// <summary>Dimensions of size 1 repeated without a copy.</summary>
    public Tensor Expand(params ReadOnlySpan<long> shape) => _expand.Call(this, shape, false);

    /// <summary>Elements <c>start, start + step, ...</c> below <paramref name="end"/> of a dimension, a view.</summary>
    public Tensor Slice(int dimension, long start, long end, long step = 1) => _slice.Call(this, dimension, start, end, step);

    /// <summary><paramref name="length"/> elements of a dimension from <paramref name="start"/>, a view.</summary>
    public Tensor Narrow(int dimension, long start, long length) => _slice.Call(this, dimension, start, start + length, 1);

    /// <summary>One index of a dimension, which disappears; a view.</summary>
    public Tensor Select(int dimension, long index) => _select.Call(this, dimension, index);

    /// <summary>The given indices (Int64, rank 1) of a dimension.</summary>
    public Tensor IndexSelect(int dimension, Tensor indices) => _indexSelect.Call(this, dimension, indices);

    /// <summary>Elements where <paramref name="mask"/> (Bool) holds, or at Int64 indices of the first dimension.</summary>
    public Tensor Index(Tensor mask) => _index.Call(this, new Tensor?[] { mask });

    /// <summary>Copies slices of <paramref name="source"/> to indices of a dimension, in place.</summary>
    /// <returns>This tensor.</returns>
    public Tensor IndexCopyInPlace(int dimension, Tensor indices, Tensor source) => InPlace(_indexCopyInto.Call(this, dimension, indices, source));

    /// <summary>Elements of a dimension at the indices (Int64) given for each position.</summary>
    public Tensor Gather(int dimension, Tensor indices) => _gather.Call(this, dimension, indices);

    /// <summary>Tensors one after another along a dimension.</summary>
    public static Tensor Cat(Tensor[] tensors, int dimension = 0) => _cat.Call(tensors, dimension);

    /// <summary>Tensors of one shape along a new dimension.</summary>
    public static Tensor Stack(Tensor[] tensors, int dimension = 0) => _stack.Call(tensors, dimension);

    /// <summary>A dimension cut in <paramref name="chunks"/> views.</summary>
    public Tensor[] Chunk(int chunks, int dimension = 0) => _chunk.CallMany(this, chunks, dimension);

    /// <summary>Dimensions reversed.</summary>
    public Tensor Flip(params ReadOnlySpan<long> dimensions) => _flip.Call(this, dimensions);

    /// <summary>Elements moved cyclically: index i goes to i + shift.</summary>
    public Tensor Roll(ReadOnlySpan<long> shifts, ReadOnlySpan<long> dimensions) => _roll.Call(this, shifts, dimensions);

    /// <summary>The whole tensor repeated along each dimension.</summary>
    public Tensor Repeat(params ReadOnlySpan<long> times) => _repeat.Call(this, times);

    /// <summary>Each element of a dimension repeated.</summary>
    public Tensor RepeatInterleave(long times, int dimension) => _repeatInterleave.Call(this, times, dimension);

    /// <summary>Dimensions <paramref name="start"/> to <paramref name="end"/> as one.</summary>
    public Tensor Flatten(int start = 0, int end = -1) => _flatten.Call(this, start, end);

    /// <summary>Adds a border. <paramref name="sizes"/>: before and after, last dimension first. Modes: constant, reflect (edge not repeated), replicate, circular.</summary>
    public Tensor Pad(ReadOnlySpan<long> sizes, string mode = "constant", double value = 0) => _pad.Call(this, sizes, mode, mode == "constant" ? value : Value.None);

    /// <summary>Sorted values and their indices along a dimension.</summary>
    public (Tensor Values, Tensor Indices) Sort(int dimension = -1, bool descending = false) =>
        _sort.CallMany(this, dimension, descending) is [var values, var indices] ? (values, indices) : throw new InvalidOperationException();

    /// <summary>A diagonal matrix of a vector, or the diagonal of a matrix.</summary>
    public Tensor Diag() => _diag.Call(this, 0);

    /// <summary>Sliding windows of a dimension as a new last dimension, a view.</summary>
    public Tensor Unfold(int dimension, long size, long step) => _unfold.Call(this, dimension, size, step);

    /// <summary>[N, C r r, H, W] to [N, C, H r, W r].</summary>
    public Tensor PixelShuffle(long r) => _pixelShuffle.Call(this, r);

    /// <summary>[N, C, H r, W r] to [N, C r r, H, W].</summary>
    public Tensor PixelUnshuffle(long r) => _pixelUnshuffle.Call(this, r);

    /// <summary>Complex elements as a last dimension of size 2, a view.</summary>
    public Tensor ViewAsReal() => _viewAsReal.Call(this);

    /// <summary>A last dimension of size 2 as complex elements, a view.</summary>
    public Tensor ViewAsComplex() => _viewAsComplex.Call(this);
}
