using System.Globalization;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Denoisers;

/// <summary>
/// A sequence of layers whose keys are their positions, as PyTorch's Sequential has them: layers without weights take a number too. Normalisation and activation after a
/// convolution run together with it where the fast path can.
/// </summary>
internal sealed class NumberedLayers : Module
{
    private readonly List<Func<Tensor, Tensor>> _steps = [];
    private int _next;

    /// <summary>Appends a 3 x 3 convolution that keeps height and width, and what follows it.</summary>
    public NumberedLayers Convolution(long inputs, long outputs, LayerActivation? then = null, bool bias = true, long dilation = 1)
    {
        if (dilation > 1)
        {
            var dilated = Number(new DilatedConvolution(inputs, outputs, dilation));
            return Rectify(dilated.Forward, then);
        }
        var convolution = Number(new Conv2d(inputs, outputs, 3, padding: 1, bias: bias));
        if (then is { BatchNorm: true })
        {
            var norm = Number(new BatchNorm(outputs, LayerActivation.BatchEpsilon));
            _next++;
            _steps.Add(x =>
            {
                var (scale, shift) = norm.Modulation(x.Size(0), x.DType);
                return Leak(convolution.ForwardModulated(x, scale, shift, Fused(then.Value)), then.Value);
            });
            return this;
        }
        if (then is { InstanceNorm: true })
        {
            var norm = Number(new GroupNorm(outputs, outputs, LayerActivation.InstanceEpsilon));
            return Rectify(x => norm.Forward(convolution.Forward(x)), then);
        }
        if (then is { } activation)
        {
            _next++;
            _steps.Add(x => Leak(convolution.ForwardModulated(x, null, null, Fused(activation)), activation));
            return this;
        }
        _steps.Add(x => convolution.Forward(x));
        return this;
    }

    /// <summary>Appends a layer with weights.</summary>
    public NumberedLayers Layer<T>(T layer, Func<T, Tensor, Tensor> apply)
        where T : Module
    {
        Number(layer);
        _steps.Add(x => apply(layer, x));
        return this;
    }

    /// <summary>Appends a layer without weights.</summary>
    public NumberedLayers Apply(Func<Tensor, Tensor> apply)
    {
        _next++;
        _steps.Add(apply);
        return this;
    }

    /// <summary>Applies the layers in turn; each frees what the one before it gave.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        var h = x.Alias();
        foreach (var layer in _steps)
        {
            using var step = new Scope();
            step.Replace(ref h, layer(h));
        }
        return scope.Keep(h);
    }

    private static Activation Fused(LayerActivation activation) => activation.Slope == 0 ? Activation.Relu : Activation.Identity;

    private static Tensor Leak(Tensor x, LayerActivation activation) => activation.Slope == 0 ? x : x.LeakyRelu(activation.Slope);

    private NumberedLayers Rectify(Func<Tensor, Tensor> layer, LayerActivation? then)
    {
        if (then is not { } activation)
        {
            _steps.Add(layer);
            return this;
        }
        _next++;
        _steps.Add(x => activation.Slope == 0 ? layer(x).Relu() : layer(x).LeakyRelu(activation.Slope));
        return this;
    }

    private T Number<T>(T layer)
        where T : Module => Add((_next++).ToString(CultureInfo.InvariantCulture), layer);
}
