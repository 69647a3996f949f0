using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>
/// The best rate that this machine reaches in one number format, over convolutions and matrix products of the sizes that networks use:
/// what a network's evaluation is compared with. Convolutions are direct ones: the roofline is what the processor's arithmetic allows, and what Winograd's algorithm
/// saves of it counts for the network.
/// </summary>
public sealed class Roofline : IDisposable
{
    private const double WorkOfOneMeasurement = 12e9;

    private readonly List<(string Name, double Operations, Func<Tensor> Run, IDisposable[] Owned)> _kernels = [];

    /// <summary>Prepares the kernels.</summary>
    /// <param name="dtype"><see cref="DType.Float32"/> or <see cref="DType.BFloat16"/>.</param>
    public Roofline(DType dtype)
    {
        DType = dtype;
        foreach (var (inputs, outputs, size) in new[] { (64L, 64L, 256L), (128, 128, 64), (128, 64, 128), (256, 256, 16), (512, 256, 16) }) AddConvolution(inputs, outputs, size);
        foreach (var size in new[] { 512L, 1024L }) AddProduct(size);
    }

    /// <summary>The number format.</summary>
    public DType DType { get; }

    /// <summary>The rate of the best kernel, in operations a second, each measured over some tens of milliseconds.</summary>
    public double Measure() => _kernels.Max(Rate);

    /// <summary>The best rates of the convolutions and of the matrix products, in operations a second.</summary>
    public (double Convolution, double Product) MeasureApart() =>
        (_kernels.Where(kernel => kernel.Name == "convolution").Max(Rate), _kernels.Where(kernel => kernel.Name == "product").Max(Rate));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in _kernels.SelectMany(kernel => kernel.Owned)) owned.Dispose();
    }

    private static double Rate((string Name, double Operations, Func<Tensor> Run, IDisposable[] Owned) kernel)
    {
        using var noGrad = new NoGrad();
        var repetitions = (int)Math.Ceiling(WorkOfOneMeasurement / kernel.Operations);
        var winograd = FastPath.HasWinograd;
        FastPath.EnableWinograd(false);
        try
        {
            kernel.Run().Dispose();
            var seconds = Timing.Seconds(() =>
            {
                for (var i = 0; i < repetitions; i++) kernel.Run().Dispose();
            });
            return repetitions * kernel.Operations / seconds;
        }
        finally
        {
            FastPath.EnableWinograd(winograd);
        }
    }

    private void AddConvolution(long inputs, long outputs, long size)
    {
        using var scope = new Scope();
        var layer = new Conv2d(inputs, outputs, 3, padding: 1);
        layer.Initialise(new SeededNoise(1));
        layer.To(DType);
        var x = new SeededNoise(2).Normal([1, inputs, size, size]).To(DType).Contiguous(channelsLast: true).Own();
        _kernels.Add(("convolution", 2.0 * 9 * inputs * outputs * size * size, () => layer.Forward(x), [layer, x]));
    }

    private void AddProduct(long size)
    {
        using var scope = new Scope();
        var a = new SeededNoise(3).Normal([1, size, size]).To(DType).Squeeze(0).Own();
        var b = new SeededNoise(4).Normal([1, size, size]).To(DType).Squeeze(0).Own();
        _kernels.Add(("product", 2.0 * size * size * size, () => a.MatMul(b), [a, b]));
    }
}
