using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Features;

/// <summary>
/// The convolutional part of a classifier of photographs whose inner features LPIPS compares (Zhang et al. 2018): AlexNet (Krizhevsky 2014), VGG16 (Simonyan,
/// Zisserman 2015) or SqueezeNet 1.1 (Iandola et al. 2016), with torchvision's key names <c>features.N.*</c>.
/// </summary>
public sealed class PerceptualBackbone : Module
{
    private readonly (Step Step, int Index, Func<Tensor, Tensor>? Apply, bool Tapped)[] _steps;

    private PerceptualBackbone(string name, IReadOnlyList<long> widths, IReadOnlyList<object> layers, IReadOnlyCollection<int> taps)
    {
        (Name, Widths) = (name, widths);
        var last = taps.Max();
        _steps = [.. layers.Take(last + 1).Select((layer, index) => Make(layer, index, taps.Contains(index)))];
        LeastSide = Enumerable.Range(1, int.MaxValue).First(side => layers.Take(last + 1).Aggregate((long)side, Left) > 0);
    }

    private enum Step
    {
        Layer,
        Relu,
        Pool,
    }

    /// <summary>The name in metrics: <c>alex</c>, <c>vgg</c> or <c>squeeze</c>.</summary>
    public string Name { get; }

    /// <summary>The number of channels of each of the features.</summary>
    public IReadOnlyList<long> Widths { get; }

    /// <summary>The least height and width of images: smaller ones leave a pooling nothing.</summary>
    public long LeastSide { get; }

    /// <summary>AlexNet; features after the ReLUs of its five convolutions.</summary>
    public static PerceptualBackbone Alex() => new(
        "alex", [64, 192, 384, 256, 256],
        [new Kernel(3, 64, 11, 4, 2), Step.Relu, new Pool(3), new Kernel(64, 192, 5, 1, 2), Step.Relu, new Pool(3), new Kernel(192, 384), Step.Relu, new Kernel(384, 256), Step.Relu, new Kernel(256, 256), Step.Relu],
        [1, 4, 7, 9, 11]);

    /// <summary>VGG16; features after the last ReLU before each pooling.</summary>
    public static PerceptualBackbone Vgg() => new(
        "vgg", [64, 128, 256, 512, 512],
        [
            new Kernel(3, 64), Step.Relu, new Kernel(64, 64), Step.Relu, new Pool(2),
            new Kernel(64, 128), Step.Relu, new Kernel(128, 128), Step.Relu, new Pool(2),
            new Kernel(128, 256), Step.Relu, new Kernel(256, 256), Step.Relu, new Kernel(256, 256), Step.Relu, new Pool(2),
            new Kernel(256, 512), Step.Relu, new Kernel(512, 512), Step.Relu, new Kernel(512, 512), Step.Relu, new Pool(2),
            new Kernel(512, 512), Step.Relu, new Kernel(512, 512), Step.Relu, new Kernel(512, 512), Step.Relu,
        ],
        [3, 8, 15, 22, 29]);

    /// <summary>SqueezeNet 1.1; features before the poolings and after each of the last fire modules.</summary>
    public static PerceptualBackbone Squeeze() => new(
        "squeeze", [64, 128, 256, 384, 384, 512, 512],
        [
            new Kernel(3, 64, 3, 2, 0), Step.Relu, new Pool(3, Ceiling: true), new Fire(64, 16, 64), new Fire(128, 16, 64), new Pool(3, Ceiling: true),
            new Fire(128, 32, 128), new Fire(256, 32, 128), new Pool(3, Ceiling: true), new Fire(256, 48, 192), new Fire(384, 48, 192), new Fire(384, 64, 256), new Fire(512, 64, 256),
        ],
        [1, 4, 7, 9, 10, 11, 12]);

    /// <summary>The features of images.</summary>
    /// <param name="x"><c>[N, 3, H, W]</c>, normalised as the weights expect.</param>
    /// <returns>One tensor for each of <see cref="Widths"/>, finest first.</returns>
    /// <exception cref="TorchException">A side is below <see cref="LeastSide"/>.</exception>
    public IReadOnlyList<Tensor> Forward(Tensor x)
    {
        using var scope = new Scope();
        var features = new List<Tensor>();
        foreach (var (step, _, apply, tapped) in _steps)
        {
            x = step == Step.Relu ? x.Relu() : apply!(x);
            if (tapped) features.Add(scope.Keep(x));
        }
        return features;
    }

    // What a layer leaves of a side; 0 where there is nothing to take it from.
    private static long Left(long side, object layer) => layer switch
    {
        _ when side <= 0 => 0,
        Kernel kernel => Math.Max(0, side + 2 * kernel.Padding - kernel.Size + kernel.Stride) / kernel.Stride,
        Pool pool => Math.Max(0, side - pool.Size + (pool.Ceiling ? 3 : 2)) / 2,
        _ => side,
    };

    private (Step, int, Func<Tensor, Tensor>?, bool) Make(object layer, int index, bool tapped) => layer switch
    {
        Kernel kernel => (Step.Layer, index, Add($"features.{index}", new Conv2d(kernel.Inputs, kernel.Outputs, kernel.Size, kernel.Stride, kernel.Padding)) is var convolution ? x => convolution.Forward(x) : null, tapped),
        Fire fire => (Step.Layer, index, Add($"features.{index}", new FireModule(fire.Inputs, fire.Squeezed, fire.Expanded)).Forward, tapped),
        Pool pool => (Step.Pool, index, x => x.MaxPool(pool.Size, 2, 0, pool.Ceiling), tapped),
        _ => (Step.Relu, index, null, tapped),
    };

    private sealed record Kernel(long Inputs, long Outputs, long Size = 3, long Stride = 1, long Padding = 1);

    private sealed record Fire(long Inputs, long Squeezed, long Expanded);

    private sealed record Pool(long Size, bool Ceiling = false);

    private sealed class FireModule : Module
    {
        private readonly Conv2d _squeeze, _expandOne, _expandThree;

        public FireModule(long inputs, long squeezed, long expanded)
        {
            _squeeze = Add("squeeze", new Conv2d(inputs, squeezed, 1));
            _expandOne = Add("expand1x1", new Conv2d(squeezed, expanded, 1));
            _expandThree = Add("expand3x3", new Conv2d(squeezed, expanded, 3, padding: 1));
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = new Scope();
            var squeezed = _squeeze.Forward(x).Relu();
            return scope.Keep(Tensor.Cat([_expandOne.Forward(squeezed).Relu(), _expandThree.Forward(squeezed).Relu()], 1));
        }
    }
}
