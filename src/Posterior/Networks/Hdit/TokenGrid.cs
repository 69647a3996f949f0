using Posterior.Torch;

namespace Posterior.Networks.Hdit;

/// <summary>Tokens <c>[N, height, width, features]</c> that are merged to coarser ones and split again.</summary>
public static class TokenGrid
{
    /// <summary>Merges blocks of tokens: features in the order (row in block, column in block, feature).</summary>
    /// <param name="x"><c>[N, height, width, features]</c>; height and width are multiples of the block.</param>
    /// <param name="rows">Rows of a block.</param>
    /// <param name="columns">Columns of a block.</param>
    /// <returns><c>[N, height / rows, width / columns, rows columns features]</c>.</returns>
    public static Tensor Merge(Tensor x, long rows, long columns)
    {
        using var scope = new Scope();
        var (h, w) = (x.Size(1) / rows, x.Size(2) / columns);
        return scope.Keep(x.Reshape(x.Size(0), h, rows, w, columns, x.Size(3)).Permute(0, 1, 3, 2, 4, 5).Reshape(x.Size(0), h, w, rows * columns * x.Size(3)));
    }

    /// <summary>The inverse of <see cref="Merge"/>.</summary>
    public static Tensor Split(Tensor x, long rows, long columns)
    {
        using var scope = new Scope();
        var (n, h, w, features) = (x.Size(0), x.Size(1), x.Size(2), x.Size(3) / (rows * columns));
        return scope.Keep(x.Reshape(n, h, w, rows, columns, features).Permute(0, 1, 3, 2, 4, 5).Reshape(n, h * rows, w * columns, features));
    }

    /// <summary>Images as tokens: patches flattened in the order (row, column, channel).</summary>
    /// <param name="images"><c>[N, C, H, W]</c>.</param>
    /// <param name="rows">Rows of a patch.</param>
    /// <param name="columns">Columns of a patch.</param>
    public static Tensor OfImages(Tensor images, long rows, long columns)
    {
        using var scope = new Scope();
        return scope.Keep(Merge(images.Permute(0, 2, 3, 1), rows, columns));
    }

    /// <summary>The inverse of <see cref="OfImages"/>.</summary>
    public static Tensor ToImages(Tensor tokens, long rows, long columns)
    {
        using var scope = new Scope();
        return scope.Keep(Split(tokens, rows, columns).Permute(0, 3, 1, 2).Contiguous());
    }
}
