using Posterior.Torch.Nn;

namespace Posterior.Torch;

/// <summary>
/// The code that layers use instead of ATen's operators on the CPU: convolutions by oneDNN with packed weights, or, of 3 x 3 pixels, by Winograd's algorithm, attention and SiLU in inference;
/// linear layers, group normalisation, resampling, attention inside windows and what transformers do between matrix products also with derivatives, of the first order. Results agree with ATen's within rounding.
/// </summary>
/// <param name="Enabled">Whether it may be used.</param>
/// <param name="Convolution">The library and instruction set of convolutions, as <c>oneDNN 2.6.3 with AVX-512 BF16</c>; empty when the bridge was built without it.</param>
/// <param name="Vector">The variant of the vector code: avx512_bf16, avx512, avx2 or portable.</param>
/// <param name="Reason">Why it is in use or not, in words.</param>
public sealed unsafe record FastPath(bool Enabled, string Convolution, string Vector, string Reason)
{
    /// <summary>The environment variable that selects a path: <c>aten</c> turns the fast path off, <c>direct</c> only Winograd's convolutions.</summary>
    public const string Variable = "POSTERIOR_PATH";

    private static bool _enabled = Environment.GetEnvironmentVariable(Variable) != "aten";

    /// <summary>What is in use now.</summary>
    public static FastPath Current
    {
        get
        {
            var (convolution, vector) = (Native.Text(Native.pt_convolution_library()), Native.Text(Native.pt_vector_variant()));
            var reason = (_enabled, convolution) switch
            {
                (false, _) => $"switched off ({Variable}=aten)",
                (_, "") => $"the bridge was built without oneDNN: convolutions go through ATen, normalisation and SiLU use {vector} code",
                _ => $"convolutions by {convolution}{(HasWinograd ? ", those of 3x3 pixels by Winograd's algorithm" : "")}, normalisation and SiLU by {vector} code",
            };
            return new FastPath(_enabled, convolution, vector, HasFastBFloat16 ? reason : $"{reason}; {WhyBFloat16IsNotFast}");
        }
    }

    /// <summary>
    /// Whether arithmetic in bfloat16 is faster than in single precision on this processor, which was found out by trying. Where it is not, convolutions, products and attention of
    /// that type are calculated in single precision and rounded: it saves memory then and no time.
    /// </summary>
    public static bool HasFastBFloat16 => Native.pt_has_fast_bfloat16() != 0;

    /// <summary>Why <see cref="HasFastBFloat16"/> is false, in words.</summary>
    public static string WhyBFloat16IsNotFast => VectorVariants.Contains("avx512_bf16")
        ? "the instructions for bfloat16 are slower than those for single precision here, so that it gains no time"
        : "no instructions for bfloat16, which gains no time here";

    /// <summary>The variants of the vector code that this processor can run, the best first.</summary>
    public static IReadOnlyList<string> VectorVariants => Native.Text(Native.pt_vector_variants()).Split(' ');

    /// <summary>Switches the fast path on or off for the whole process.</summary>
    public static void Enable(bool enabled) => Volatile.Write(ref _enabled, enabled);

    /// <summary>
    /// Whether convolutions of 3 x 3 pixels in single precision take fewer products than their definition has (Winograd's algorithm), where that is faster. Rounding errors of results are no larger than the direct form's.
    /// </summary>
    public static bool HasWinograd => Native.pt_winograd_enabled() != 0;

    /// <summary>Whether those in bfloat16 do, too: where the processor multiplies that type fastest in vectors. Factors are rounded once more than by the direct form.</summary>
    public static bool HasBFloat16Winograd => Native.pt_winograd_halves() != 0;

    /// <summary>Switches Winograd's convolutions on or off for the whole process.</summary>
    public static void EnableWinograd(bool enabled) => Native.pt_winograd_enable(enabled ? 1 : 0);

    /// <summary>Selects a variant of the vector code for the whole process.</summary>
    /// <exception cref="TorchException">This processor cannot run it, or there is none of that name.</exception>
    public static void SelectVector(string variant) => Native.Check(Native.pt_vector_variant_set(variant));

    internal static bool IsEnabled => Volatile.Read(ref _enabled);

    /// <summary>Group normalisation, or null where ATen must do it.</summary>
    internal static Tensor? GroupNorm(Tensor x, Tensor? beside, long groups, Tensor weight, Tensor bias, double epsilon, Tensor? scale, Tensor? shift, bool silu, bool overwrites = false)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x, weight, bias, scale, shift, beside);
        Native.Check(Native.pt_group_norm(borrowed[0], borrowed[5], groups, borrowed[1], borrowed[2], epsilon, borrowed[3], borrowed[4], silu ? Activation.Silu : Activation.Identity, overwrites ? 1 : 0, out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>activation(x (1 + scale) + shift) with a number for each image and channel, recorded for differentiation, or null where ATen must do it or nothing is recorded.</summary>
    internal static Tensor? Modulate(Tensor x, Tensor? scale, Tensor? shift, Activation activation)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x, scale, shift);
        Native.Check(Native.pt_modulate(borrowed[0], borrowed[1], borrowed[2], activation, out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>Resampling by the factor 2 with a separable filter, or null where ATen must do it.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>.</param>
    /// <param name="taps">The one-dimensional filter.</param>
    /// <param name="border">The zeros around the image.</param>
    /// <param name="up">Whether the transpose is meant: the image grows.</param>
    internal static Tensor? Resample(Tensor x, ReadOnlySpan<double> taps, long border, bool up)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x);
        fixed (double* first = taps)
        {
            Native.Check(Native.pt_resample(borrowed[0], first, taps.Length, border, up ? 1 : 0, out var result));
            return result == 0 ? null : new Tensor(result);
        }
    }

    /// <summary>x sigmoid(x), or null where ATen must do it.</summary>
    internal static Tensor? Silu(Tensor x)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x);
        Native.Check(Native.pt_silu(borrowed[0], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>softmax(q^T k / sqrt(d)) v, or null where ATen must do it.</summary>
    internal static Tensor? Attention(Tensor q, Tensor k, Tensor v)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(q, k, v);
        Native.Check(Native.pt_attention(borrowed[0], borrowed[1], borrowed[2], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>Attention inside windows (<see cref="WindowSelfAttention"/>), or null where ATen must do it.</summary>
    internal static Tensor? WindowAttention(Tensor qkv, long heads, long window, long shift, double scale, Tensor bias, Tensor? mask)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(qkv, bias, mask);
        Native.Check(Native.pt_window_attention(borrowed[0], heads, window, shift, scale, borrowed[1], borrowed[2], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>x += weight (y - x); false where ATen must do it.</summary>
    internal static bool LerpInPlace(Tensor x, Tensor y, double weight)
    {
        if (!IsEnabled) return false;
        using var borrowed = new Borrowed(x, y);
        Native.Check(Native.pt_lerp(borrowed[0], borrowed[1], weight, out var done));
        return done != 0;
    }

    /// <summary>The product of two matrices, or null where ATen must do it.</summary>
    internal static Tensor? Product(Tensor a, Tensor b)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(a, b);
        Native.Check(Native.pt_matrix_product(borrowed[0], borrowed[1], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>x W^T + bias + residual with derivatives (<see cref="Nn.Linear"/>), or null where ATen must do it.</summary>
    internal static Tensor? Linear(Tensor x, Tensor weight, Tensor? bias, Tensor? residual)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x, weight, bias, residual);
        Native.Check(Native.pt_linear(borrowed[0], borrowed[1], borrowed[2], borrowed[3], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>Root-mean-square normalisation (<see cref="RmsNormalisation"/>), or null where ATen must do it.</summary>
    internal static Tensor? RmsNorm(Tensor x, Tensor gain, double epsilon)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x, gain);
        Native.Check(Native.pt_rms_norm(borrowed[0], borrowed[1], epsilon, out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>a gelu(b) of the halves of the last dimension, or null where ATen must do it.</summary>
    internal static Tensor? GatedGelu(Tensor x)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x);
        Native.Check(Native.pt_gated_gelu(borrowed[0], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>Attention by cosine similarity (<see cref="Nn.RotaryAttention"/>), or null where ATen must do it.</summary>
    internal static Tensor? RotaryAttention(Tensor qkv, Tensor? other, Tensor? share, long heads, Tensor scale, Tensor cosines, Tensor sines, TokenTiles tiles)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(qkv, other, scale, cosines, sines, share);
        fixed (long* queries = tiles.Queries, keys = tiles.Keys)
        fixed (float* mask = tiles.Mask)
        {
            Native.Check(Native.pt_rotary_attention(
                borrowed[0], borrowed[1], heads, borrowed[2], borrowed[5], borrowed[3], borrowed[4], queries, keys, mask, tiles.Count, tiles.EachQueries, tiles.EachKeys, out var result));
            return result == 0 ? null : new Tensor(result);
        }
    }

    /// <summary>A gated map over stacks of vectors (<see cref="Nn.GatedMixture"/>), or null where ATen must do it.</summary>
    internal static Tensor? GatedMixture(GatedMixture mixture, Tensor x)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x, mixture.Y, mixture.Map, mixture.Gate, mixture.Factor);
        Native.Check(Native.pt_gated_mixture(borrowed[0], borrowed[1], borrowed[2], borrowed[3], borrowed[4], Nn.GatedMixture.Epsilon, out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>The same of what matrices measure, and back through matrices (<see cref="Nn.GatedMixture.Between"/>), or null where it must be done in parts.</summary>
    internal static Tensor? MeasuredMixture(GatedMixture mixture, Tensor x, Tensor there, ReadOnlySpan<long> rows, Tensor? between, Tensor back)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x, there, mixture.Y, mixture.Map, mixture.Gate, mixture.Factor, between, back);
        fixed (long* counts = rows)
        {
            Native.Check(Native.pt_measured_mixture(
                borrowed[0], borrowed[1], counts, borrowed[2], borrowed[3], borrowed[4], borrowed[5], Nn.GatedMixture.Epsilon, borrowed[6], borrowed[7], out var result));
            return result == 0 ? null : new Tensor(result);
        }
    }

    /// <summary>Vectors times a matrix of their image (<see cref="Nn.StackedProduct"/>), or null where ATen must do it.</summary>
    internal static Tensor? StackedProduct(Tensor x, Tensor matrices, ReadOnlySpan<long> rows, bool transposed)
    {
        if (!IsEnabled) return null;
        using var borrowed = new Borrowed(x, matrices);
        fixed (long* counts = rows)
        {
            Native.Check(Native.pt_stacked_product(borrowed[0], borrowed[1], counts, transposed ? 1 : 0, out var result));
            return result == 0 ? null : new Tensor(result);
        }
    }
}
