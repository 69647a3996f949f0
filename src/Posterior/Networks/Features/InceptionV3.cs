using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Features;

/// <summary>
/// Inception-v3 (Szegedy et al. 2016) up to its last pooling, in the variant whose features the FID is defined on: average poolings in the blocks leave the padding
/// out of the count, and the last block pools by the maximum. torchvision's key names; the classifier's weights are not part of it.
/// </summary>
public sealed class InceptionV3 : Module
{
    private readonly ConvolutionUnit _first, _second, _third, _fourth, _fifth;
    private readonly Block[] _mixed;

    /// <summary>The network with zero weights.</summary>
    public InceptionV3()
    {
        _first = Add("Conv2d_1a_3x3", new ConvolutionUnit(3, 32, (3, 3), 2));
        _second = Add("Conv2d_2a_3x3", new ConvolutionUnit(32, 32, (3, 3)));
        _third = Add("Conv2d_2b_3x3", new ConvolutionUnit(32, 64, (3, 3), 1, (1, 1)));
        _fourth = Add("Conv2d_3b_1x1", new ConvolutionUnit(64, 80, (1, 1)));
        _fifth = Add("Conv2d_4a_3x3", new ConvolutionUnit(80, 192, (3, 3)));
        _mixed =
        [
            Add("Mixed_5b", BlockA(192, 32)), Add("Mixed_5c", BlockA(256, 64)), Add("Mixed_5d", BlockA(288, 64)),
            Add("Mixed_6a", BlockB(288)),
            Add("Mixed_6b", BlockC(128)), Add("Mixed_6c", BlockC(160)), Add("Mixed_6d", BlockC(160)), Add("Mixed_6e", BlockC(192)),
            Add("Mixed_7a", BlockD()),
            Add("Mixed_7b", BlockE(1280, Pooling.Average)), Add("Mixed_7c", BlockE(2048, Pooling.Maximum)),
        ];
    }

    private enum Pooling
    {
        Average,
        Maximum,
        HalvingMaximum,
    }

    /// <summary>The number of features of an image.</summary>
    public const int Features = 2048;

    /// <summary>Keys of published checkpoints that belong to the classifier and its training, and not to the features.</summary>
    public static bool IsUnused(string key) =>
        key.StartsWith("fc.", StringComparison.Ordinal) || key.StartsWith("AuxLogits.", StringComparison.Ordinal) || key.EndsWith(".num_batches_tracked", StringComparison.Ordinal);

    /// <summary>The features of images.</summary>
    /// <param name="x"><c>[N, 3, H, W]</c> in [-1, 1]; 299 x 299 where the FID is meant, at least 75 x 75.</param>
    /// <returns>The spatial means of the last block, <c>[N, 2048]</c>.</returns>
    public Tensor Forward(Tensor x) => Forward(x, null);

    /// <summary>The features, and those of the first two poolings and of <c>Mixed_6e</c> on the way.</summary>
    internal Tensor Forward(Tensor x, Action<Tensor>? tap)
    {
        using var scope = new Scope();
        x = _third.Forward(_second.Forward(_first.Forward(x))).MaxPool(3, 2);
        tap?.Invoke(x);
        x = _fifth.Forward(_fourth.Forward(x)).MaxPool(3, 2);
        tap?.Invoke(x);
        for (var i = 0; i < _mixed.Length; i++)
        {
            x = _mixed[i].Forward(x);
            if (i == 7) tap?.Invoke(x);
        }
        return scope.Keep(x.Mean([2, 3]));
    }

    private static Block BlockA(long inputs, long pooled) => new(
        inputs, Pooling.Average, pooled,
        [("branch1x1", 64, (1, 1), 1, (0, 0))],
        [("branch5x5_1", 48, (1, 1), 1, (0, 0)), ("branch5x5_2", 64, (5, 5), 1, (2, 2))],
        [("branch3x3dbl_1", 64, (1, 1), 1, (0, 0)), ("branch3x3dbl_2", 96, (3, 3), 1, (1, 1)), ("branch3x3dbl_3", 96, (3, 3), 1, (1, 1))]);

    private static Block BlockB(long inputs) => new(
        inputs, Pooling.HalvingMaximum, 0,
        [("branch3x3", 384, (3, 3), 2, (0, 0))],
        [("branch3x3dbl_1", 64, (1, 1), 1, (0, 0)), ("branch3x3dbl_2", 96, (3, 3), 1, (1, 1)), ("branch3x3dbl_3", 96, (3, 3), 2, (0, 0))]);

    private static Block BlockC(long width) => new(
        768, Pooling.Average, 192,
        [("branch1x1", 192, (1, 1), 1, (0, 0))],
        [("branch7x7_1", width, (1, 1), 1, (0, 0)), ("branch7x7_2", width, (1, 7), 1, (0, 3)), ("branch7x7_3", 192, (7, 1), 1, (3, 0))],
        [("branch7x7dbl_1", width, (1, 1), 1, (0, 0)), ("branch7x7dbl_2", width, (7, 1), 1, (3, 0)), ("branch7x7dbl_3", width, (1, 7), 1, (0, 3)), ("branch7x7dbl_4", width, (7, 1), 1, (3, 0)), ("branch7x7dbl_5", 192, (1, 7), 1, (0, 3))]);

    private static Block BlockD() => new(
        768, Pooling.HalvingMaximum, 0,
        [("branch3x3_1", 192, (1, 1), 1, (0, 0)), ("branch3x3_2", 320, (3, 3), 2, (0, 0))],
        [("branch7x7x3_1", 192, (1, 1), 1, (0, 0)), ("branch7x7x3_2", 192, (1, 7), 1, (0, 3)), ("branch7x7x3_3", 192, (7, 1), 1, (3, 0)), ("branch7x7x3_4", 192, (3, 3), 2, (0, 0))]);

    // A name that ends in 'a' is followed by its twin 'b' on the same input: a fork.
    private static Block BlockE(long inputs, Pooling pooling) => new(
        inputs, pooling, 192,
        [("branch1x1", 320, (1, 1), 1, (0, 0))],
        [("branch3x3_1", 384, (1, 1), 1, (0, 0)), ("branch3x3_2a", 384, (1, 3), 1, (0, 1)), ("branch3x3_2b", 384, (3, 1), 1, (1, 0))],
        [("branch3x3dbl_1", 448, (1, 1), 1, (0, 0)), ("branch3x3dbl_2", 384, (3, 3), 1, (1, 1)), ("branch3x3dbl_3a", 384, (1, 3), 1, (0, 1)), ("branch3x3dbl_3b", 384, (3, 1), 1, (1, 0))]);

    /// <summary>Branches on one input, side by side in the result.</summary>
    private sealed class Block : Module
    {
        private readonly Pooling _pooling;
        private readonly (ConvolutionUnit Unit, bool Forks)[][] _branches;
        private readonly ConvolutionUnit? _pooled;

        public Block(long inputs, Pooling pooling, long pooled, params (string Name, long Outputs, (long V, long H) Size, long Stride, (long V, long H) Padding)[][] branches)
        {
            _pooling = pooling;
            _branches = [.. branches.Select(branch =>
            {
                var width = inputs;
                return branch.Select(layer =>
                {
                    var unit = Add(layer.Name, new ConvolutionUnit(width, layer.Outputs, layer.Size, layer.Stride, layer.Padding));
                    if (layer.Name[^1] != 'a') width = layer.Outputs;
                    return (unit, layer.Name[^1] == 'a');
                }).ToArray();
            })];
            if (pooled > 0) _pooled = Add("branch_pool", new ConvolutionUnit(inputs, pooled, (1, 1)));
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = new Scope();
            var parts = new List<Tensor>();
            foreach (var branch in _branches)
            {
                var h = x;
                for (var i = 0; i < branch.Length; i++)
                {
                    var next = branch[i].Unit.Forward(h);
                    if (branch[i].Forks) parts.Add(next);
                    else h = next;
                }
                parts.Add(h);
            }
            var pooled = _pooling switch
            {
                Pooling.Average => x.AveragePool(3, 1, 1, countPadding: false),
                Pooling.Maximum => x.MaxPool(3, 1, 1),
                _ => x.MaxPool(3, 2),
            };
            parts.Add(_pooled is null ? pooled : _pooled.Forward(pooled));
            return scope.Keep(Tensor.Cat([.. parts], 1));
        }
    }

    /// <summary>
    /// A convolution without bias, batch normalisation with stored statistics, ReLU. The statistics are constants, so that the normalisation is part of the kernels:
    /// <c>(K x - m) g + b = (g K) x + (b - m g)</c> with <c>g = weight / sqrt(variance + epsilon)</c>.
    /// </summary>
    private sealed class ConvolutionUnit : ConvolutionLayer
    {
        private const double Epsilon = 0.001;

        private readonly Kernel _kernel;
        private readonly Normalisation _normalisation;

        public ConvolutionUnit(long inputs, long outputs, (long V, long H) size, long stride = 1, (long V, long H) padding = default)
            : base(stride, padding, groups: 1)
        {
            _kernel = Add("conv", new Kernel(inputs, outputs, size));
            _normalisation = Add("bn", new Normalisation(outputs));
        }

        protected override Tensor Kernels => _kernel.Weight * _normalisation.Gain.Reshape(-1, 1, 1, 1);

        protected override Tensor KernelSource => _kernel.Weight;

        protected override Tensor Offsets => _normalisation.Offset;

        public Tensor Forward(Tensor x) => ForwardModulated(x, null, null, Activation.Relu);

        private sealed class Kernel : Module
        {
            private readonly Parameter _weight;

            public Kernel(long inputs, long outputs, (long V, long H) size) => _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs, size.V, size.H]));

            public Tensor Weight => _weight;
        }

        private sealed class Normalisation : Module
        {
            private readonly Parameter _weight, _bias, _mean, _variance;

            public Normalisation(long width)
            {
                _weight = AddParameter("weight", Tensor.Ones([width]));
                _bias = AddParameter("bias", Tensor.Zeros([width]));
                _mean = AddBuffer("running_mean", Tensor.Zeros([width]));
                _variance = AddBuffer("running_var", Tensor.Ones([width]));
            }

            public Tensor Gain => _weight.Value * (_variance.Value + Epsilon).Rsqrt();

            public Tensor Offset => _bias.Value - _mean.Value * Gain;
        }
    }
}
