using Posterior.Torch;

namespace Posterior.Networks.Edm;

/// <summary>Class indices as the vectors that EDM's networks take.</summary>
internal static class ClassVectors
{
    /// <summary>One-hot rows; the index <paramref name="classes"/>, and null, give zeros: "no class".</summary>
    /// <param name="labels">Int64 <c>[N]</c>, or null.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="x">Images whose number and device count.</param>
    public static Tensor? Of(Tensor? labels, int classes, Tensor x)
    {
        if (classes == 0)
            return labels is null ? null : throw new ArgumentException("the network is unconditional: expected no labels", nameof(labels));
        if (labels is null) return Tensor.Zeros([x.Size(0), classes], device: x.Device);
        using var scope = new Scope();
        return scope.Keep(Tensor.Cat([Tensor.Eye(classes, device: x.Device), Tensor.Zeros([1, classes], device: x.Device)]).IndexSelect(0, labels));
    }
}
