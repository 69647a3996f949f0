using System.Runtime.InteropServices;

namespace Posterior.Torch.Nn;

/// <summary>
/// A convolution or linear layer as the bridge runs it. It keeps a second copy of the weights, reordered (about their size again) or transformed for Winograd's algorithm (1.8 times), made at the
/// first evaluation, and made anew when an operator wrote to the weights since.
/// </summary>
internal sealed unsafe class PackedConvolution : SafeHandle
{
    private PackedConvolution()
        : base(0, true)
    {
    }

    /// <summary>Null handles come from a bridge without oneDNN.</summary>
    public override bool IsInvalid => handle == 0;

    public static PackedConvolution Of(Tensor weight, Tensor? bias, long stride, (long V, long H) padding, long groups)
    {
        using var borrowed = new Borrowed(weight, bias);
        Native.Check(Native.pt_convolution_new(borrowed[0], borrowed[1], stride, stride, padding.V, padding.H, groups, out var layer));
        var packed = new PackedConvolution();
        packed.SetHandle(layer);
        return packed;
    }

    /// <summary>activation((conv(x) + residual) (1 + scale) + shift), or null where ATen must do it.</summary>
    public Tensor? Run(Tensor x, Tensor? residual, Tensor? scale, Tensor? shift, Activation activation, bool overwrites)
    {
        if (IsInvalid) return null;
        using var held = new Held(this);
        using var borrowed = new Borrowed(x, residual, scale, shift);
        Native.Check(Native.pt_convolution_run(handle, borrowed[0], borrowed[1], borrowed[2], borrowed[3], activation, overwrites ? 1 : 0, out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>conv(x) + residual, recorded for differentiation, or null where ATen must do it or nothing is recorded.</summary>
    public Tensor? Record(Tensor x, Tensor? residual)
    {
        if (IsInvalid) return null;
        using var held = new Held(this);
        using var borrowed = new Borrowed(x, residual);
        Native.Check(Native.pt_convolution_record(handle, borrowed[0], borrowed[1], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>The convolution of two images side by side by a kernel of one pixel, or null where they must be concatenated.</summary>
    public Tensor? RunBeside(Tensor x, Tensor beside)
    {
        if (IsInvalid) return null;
        using var held = new Held(this);
        using var borrowed = new Borrowed(x, beside);
        Native.Check(Native.pt_convolution_run_beside(handle, borrowed[0], borrowed[1], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    /// <summary>x W^T + bias + residual of a linear layer, or null where ATen must do it.</summary>
    public Tensor? RunLinear(Tensor x, Tensor? residual)
    {
        if (IsInvalid) return null;
        using var held = new Held(this);
        using var borrowed = new Borrowed(x, residual);
        Native.Check(Native.pt_linear_run(handle, borrowed[0], borrowed[1], out var result));
        return result == 0 ? null : new Tensor(result);
    }

    protected override bool ReleaseHandle() => Native.pt_convolution_free(handle) == 0;

    // Another thread may free the layer meanwhile.
    private readonly ref struct Held
    {
        private readonly PackedConvolution _layer;

        public Held(PackedConvolution layer)
        {
            var added = false;
            layer.DangerousAddRef(ref added);
            _layer = layer;
        }

        public void Dispose() => _layer.DangerousRelease();
    }
}
