namespace Posterior.Torch;

public sealed unsafe partial class Tensor
{
    /// <summary>Whether operations on this tensor are recorded for differentiation.</summary>
    public bool RequiresGrad
    {
        get
        {
            Native.Check(Native.pt_requires_grad(Borrow(), out var value));
            DangerousRelease();
            return value != 0;
        }
        set
        {
            var native = Borrow();
            try
            {
                Native.Check(Native.pt_requires_grad_set(native, value ? 1 : 0));
            }
            finally
            {
                DangerousRelease();
            }
        }
    }

    /// <summary>The gradient that <see cref="Backward"/> accumulated in this leaf; null when there is none. Each call makes a new handle.</summary>
    public Tensor? Grad()
    {
        Native.Check(Native.pt_tensor_grad(Borrow(), out var gradient));
        DangerousRelease();
        return gradient == 0 ? null : new Tensor(gradient);
    }

    /// <summary>Forgets the accumulated gradient.</summary>
    public void ClearGrad()
    {
        Native.Check(Native.pt_tensor_grad_clear(Borrow()));
        DangerousRelease();
    }

    /// <summary>Adds the gradient of this tensor (a scalar, or weighted by <paramref name="gradient"/>) to every leaf that requires one.</summary>
    /// <exception cref="TorchException">Nothing was recorded.</exception>
    public void Backward(Tensor? gradient = null, bool retainGraph = false)
    {
        var native = Borrow();
        try
        {
            Native.Check(Native.pt_backward(native, gradient?.Borrow() ?? 0, retainGraph ? 1 : 0));
        }
        finally
        {
            gradient?.DangerousRelease();
            DangerousRelease();
        }
    }

    /// <summary>The gradients of sum(output * weight) with respect to <paramref name="inputs"/>; null for an input that was not used.</summary>
    /// <param name="output">What is differentiated.</param>
    /// <param name="weight">The cotangent, of the output's shape; null for a scalar output.</param>
    /// <param name="inputs">Tensors that require a gradient.</param>
    /// <param name="retainGraph">Whether the graph is differentiated again later.</param>
    /// <exception cref="TorchException">Nothing was recorded.</exception>
    public static Tensor?[] Gradients(Tensor output, Tensor? weight, ReadOnlySpan<Tensor> inputs, bool retainGraph = false)
    {
        var outputs = output.Borrow();
        var weights = weight?.Borrow() ?? 0;
        var handles = stackalloc nint[inputs.Length];
        var results = stackalloc nint[inputs.Length];
        var held = 0;
        try
        {
            for (; held < inputs.Length; held++) handles[held] = inputs[held].Borrow();
            Native.Check(Native.pt_grad(&outputs, weight is null ? null : &weights, 1, handles, inputs.Length, retainGraph ? 1 : 0, results));
            var gradients = new Tensor?[inputs.Length];
            for (var i = 0; i < gradients.Length; i++) gradients[i] = results[i] == 0 ? null : new Tensor(results[i]);
            return gradients;
        }
        finally
        {
            for (var i = 0; i < held; i++) inputs[i].DangerousRelease();
            weight?.DangerousRelease();
            output.DangerousRelease();
        }
    }
}
