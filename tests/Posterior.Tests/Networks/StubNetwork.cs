using Posterior.Diffusion;
using Posterior.Torch;

namespace Posterior.Tests.Networks;

/// <summary>A network given by a function of the input and the conditioning scalar; it records the scalars and labels it saw.</summary>
internal sealed class StubNetwork(Func<Tensor, double, Tensor> evaluate, int channels = 1, int classes = 0, int multiple = 1) : INoiseConditioned
{
    public int ImageChannels => channels;

    public int Classes => classes;

    public int SizeMultiple => multiple;

    public List<double> Times { get; } = [];

    public List<long[]?> Labels { get; } = [];

    public List<long[]> Shapes { get; } = [];

    public Tensor Forward(Tensor x, Tensor noiseLabel, Tensor? labels = null)
    {
        Assert.Equal([x.Size(0)], noiseLabel.Shape.ToArray());
        var time = noiseLabel.To(DType.Float64).Mean().Item();
        Times.Add(time);
        Shapes.Add(x.Shape.ToArray());
        Labels.Add(labels?.ToArray<long>());
        return evaluate(x, time);
    }
}
