using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>A distribution of linear operators (InvFussion App. A.2). What is drawn is a function of shape and seed alone.</summary>
/// <param name="Name">Its name in texts and cards.</param>
/// <param name="Description">What its operators measure, in a line.</param>
public abstract record OperatorFamily(string Name, string Description)
{
    /// <summary>Whether measurements are pictures.</summary>
    public virtual bool MakesPictures => true;

    /// <summary>Whether some of their pixels are missing.</summary>
    public virtual bool LeavesPixelsOut => false;

    /// <summary>Draws an operator.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="seed">Chooses the operator.</param>
    public FamilyMember Draw(ImageShape shape, ulong seed)
    {
        // Families differ in their streams, so that one seed does not give related operators.
        var random = new RandomStream(Spread(Name), seed);
        return Draw(shape, ref random);
    }

    /// <summary>Draws an operator with a prepared stream.</summary>
    private protected abstract FamilyMember Draw(ImageShape shape, ref RandomStream random);

    // FNV-1a.
    private static ulong Spread(string name) => name.Aggregate(14695981039346656037UL, (hash, letter) => (hash ^ letter) * 1099511628211UL);
}

/// <summary>All families by name: one line each.</summary>
public static class OperatorFamilies
{
    /// <summary>Random patches are visible.</summary>
    public static OperatorFamily Patches { get; } = new PatchFamily();

    /// <summary>Camera shake, then every second, fourth or eighth pixel.</summary>
    public static OperatorFamily MotionBlur { get; } = new MotionBlurFamily();

    /// <summary>Random projections.</summary>
    public static OperatorFamily Matrix { get; } = new MatrixFamily();

    /// <summary>One rectangle is visible.</summary>
    public static OperatorFamily BoxOutpainting { get; } = new BoxFamily("box-outpaint", "One random rectangle is visible.", Visible: true);

    /// <summary>One rectangle is missing.</summary>
    public static OperatorFamily BoxInpainting { get; } = new BoxFamily("box-inpaint", "One random rectangle is missing.", Visible: false);

    /// <summary>Nothing is measured.</summary>
    public static OperatorFamily Zero { get; } = new ZeroFamily();

    /// <summary>The families.</summary>
    public static IReadOnlyList<OperatorFamily> All { get; } = [Patches, MotionBlur, Matrix, BoxOutpainting, BoxInpainting, Zero];

    /// <summary>The family of a name.</summary>
    /// <exception cref="OperatorException">There is none of that name; the nearest one is suggested.</exception>
    public static OperatorFamily Find(string name)
    {
        var names = All.Select(family => family.Name).ToArray();
        return All.FirstOrDefault(family => family.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new OperatorException($"no family of operators is called '{name}'{Spelling.Suggest(name, names)} (there are {string.Join(", ", names)})");
    }
}

/// <summary>Patches of one size, each visible with a probability p in (0, 0.1); drawn again until one is (InvFussion App. A.2.1).</summary>
internal sealed record PatchFamily() : OperatorFamily("patch-inpaint", "Random patches of one size, at most a tenth of them, are visible.")
{
    private static readonly int[] _sizes = [1, 2, 4, 8];

    public override bool LeavesPixelsOut => true;

    private protected override FamilyMember Draw(ImageShape shape, ref RandomStream random)
    {
        var (height, width) = ((int)shape.Height, (int)shape.Width);
        int[] sizes = [.. _sizes.Where(size => height % size == 0 && width % size == 0)];
        var mask = new double[height * width];
        while (true)
        {
            var (size, share, any) = (sizes[random.Below(sizes.Length)], 0.1 * random.Uniform(), false);
            for (var top = 0; top < height; top += size)
            {
                for (var left = 0; left < width; left += size)
                {
                    if (random.Uniform() >= share) continue;
                    any = true;
                    for (var row = top; row < top + size; row++) mask.AsSpan(row * width + left, size).Fill(1);
                }
            }
            if (any) return new MaskMember(shape, mask);
        }
    }
}

/// <summary>A motion kernel smoothed by a Gaussian of the stride's width, the stride one of 2, 4 and 8 that divides the image (InvFussion App. A.2.2).</summary>
internal sealed record MotionBlurFamily() : OperatorFamily("motion-blur", "Camera shake, then every 2nd, 4th or 8th row and column.")
{
    private static readonly int[] _strides = [2, 4, 8];

    private protected override FamilyMember Draw(ImageShape shape, ref RandomStream random)
    {
        var (height, width) = ((int)shape.Height, (int)shape.Width);
        int[] strides = [.. _strides.Where(stride => height % stride == 0 && width % stride == 0)];
        var stride = strides.Length > 0 ? strides[random.Below(strides.Length)] : 1;
        return new MotionBlurMember(shape, MotionKernel.Smooth(MotionKernel.Draw(height, width, ref random), height, width, stride), stride);
    }
}

/// <summary>1 to 128 rows of normal numbers, each of length 1 (InvFussion App. A.2.3).</summary>
internal sealed record MatrixFamily() : OperatorFamily("random-matrix", "1 to 128 random projections of the whole image.")
{
    private const int MostRows = 128;

    public override bool MakesPictures => false;

    private protected override FamilyMember Draw(ImageShape shape, ref RandomStream random)
    {
        using var scope = new Scope();
        var rows = Math.Min(1 + random.Below(MostRows), shape.Count);
        var seed = (ulong)random.Below(int.MaxValue) << 31 | (uint)random.Below(int.MaxValue);
        var matrix = new SeededNoise(seed).Normal([1, rows, shape.Count]);
        return new MatrixMember(shape, (matrix / matrix.Norm([2], keepDimensions: true)).ToArray<float>());
    }
}

/// <summary>A rectangle between two random pixels, alone visible (InvFussion App. A.2.4) or alone missing.</summary>
internal sealed record BoxFamily(string Name, string Description, bool Visible) : OperatorFamily(Name, Description)
{
    public override bool LeavesPixelsOut => true;

    private protected override FamilyMember Draw(ImageShape shape, ref RandomStream random)
    {
        var (height, width) = ((int)shape.Height, (int)shape.Width);
        var mask = new double[height * width];
        while (true)
        {
            var (y1, y2, x1, x2) = (random.Below(height), random.Below(height), random.Below(width), random.Below(width));
            var (top, bottom, left, right) = (Math.Min(y1, y2), Math.Max(y1, y2), Math.Min(x1, x2), Math.Max(x1, x2));
            var area = (bottom - top + 1) * (right - left + 1);
            // Two different pixels, and something to see; an image of two has only one to see, of one only one.
            if (mask.Length > 1 && area == mask.Length || mask.Length > 2 && area == 1) continue;
            Array.Fill(mask, Visible ? 0 : 1);
            for (var row = top; row <= bottom; row++) mask.AsSpan(row * width + left, right - left + 1).Fill(Visible || mask.Length == 1 ? 1 : 0);
            return new MaskMember(shape, mask);
        }
    }
}

/// <summary>Nothing is measured.</summary>
internal sealed record ZeroFamily() : OperatorFamily("zero", "Nothing is measured: what comes back is the prior.")
{
    public override bool MakesPictures => false;

    private protected override FamilyMember Draw(ImageShape shape, ref RandomStream random) => new ZeroMember(shape);
}
