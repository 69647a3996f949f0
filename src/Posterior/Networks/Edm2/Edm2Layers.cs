using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Edm2;

/// <summary>EDM2's MPConv on images: a convolution without bias whose kernels are normalised when they are used (Karras et al. 2024, Eq. 47 and 66); key <c>weight</c>.</summary>
public sealed class Edm2Convolution : ConvolutionLayer
{
    private readonly Parameter _weight;

    /// <summary>Zero weights, to be loaded.</summary>
    public Edm2Convolution(long inputs, long outputs, long size)
        : base(stride: 1, padding: size / 2, groups: 1) => _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs, size, size]));

    /// <inheritdoc/>
    protected override Tensor Kernels => Edm2Weights.Effective(_weight);

    /// <inheritdoc/>
    protected override Tensor KernelSource => _weight;

    /// <inheritdoc/>
    protected override Tensor? Offsets => null;

    /// <summary>Overwrites the weights by their normalised values, as each step of a training does (forced weight normalisation, Sec. 2.3).</summary>
    public void NormaliseWeights() => Edm2Weights.Force(this, _weight);
}

/// <summary>EDM2's MPConv on vectors: a linear layer without bias whose rows are normalised when they are used; key <c>weight</c>.</summary>
public sealed class Edm2Linear : Module
{
    private readonly Parameter _weight;

    /// <summary>Zero weights, to be loaded.</summary>
    public Edm2Linear(long inputs, long outputs) => _weight = AddParameter("weight", Tensor.Zeros([outputs, inputs]));

    /// <summary>Applies the layer to the last dimension.</summary>
    /// <param name="x"><c>[N, inputs]</c>.</param>
    /// <param name="gain">A scalar that the result is multiplied by; null for 1.</param>
    public Tensor Forward(Tensor x, Tensor? gain = null)
    {
        using var scope = new Scope();
        var y = x.Linear(Edm2Weights.Effective(_weight).To(x.DType));
        return scope.Keep(gain is null ? y : y * gain);
    }

    /// <inheritdoc cref="Edm2Convolution.NormaliseWeights"/>
    public void NormaliseWeights() => Edm2Weights.Force(this, _weight);
}

/// <summary>EDM2's MPFourier: <c>sqrt(2) cos(f c + p)</c> of a number c with stored frequencies and phases (Karras et al. 2024, Eq. 75); keys <c>freqs</c> and <c>phases</c>.</summary>
public sealed class Edm2Fourier : Module
{
    private readonly Parameter _frequencies, _phases;

    /// <summary>Zero frequencies, to be loaded.</summary>
    public Edm2Fourier(long channels)
    {
        _frequencies = AddBuffer("freqs", Tensor.Zeros([channels]), exact: true);
        _phases = AddBuffer("phases", Tensor.Zeros([channels]), exact: true);
    }

    /// <summary>Numbers <c>[N]</c> to <c>[N, channels]</c>, Float32.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = new Scope();
        return scope.Keep((x.To(DType.Float32).Unsqueeze(1) * _frequencies.Value.Unsqueeze(0) + _phases.Value).Cos() * Math.Sqrt(2));
    }
}

internal static class Edm2Weights
{
    /// <summary>Each row with the norm 1: features of unit magnitude stay so.</summary>
    public static Tensor Effective(Tensor weight)
    {
        using var scope = new Scope();
        var fanIn = weight.Count / weight.Size(0);
        return scope.Keep((Normalised(weight) * (1 / Math.Sqrt(fanIn))).To(weight.DType));
    }

    public static void Force(Module layer, Tensor weight)
    {
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        weight.CopyFrom(Normalised(weight));
        layer.WeightsChanged();
    }

    private static Tensor Normalised(Tensor weight) => weight.Rank == 2
        ? MagnitudePreserving.Normalise(weight.To(DType.Float32), 1)
        : MagnitudePreserving.Normalise(weight.To(DType.Float32), 1, 2, 3);
}
