using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>What the solvers that differentiate through the denoiser share: a chain rule in which only the prior is recorded.</summary>
internal static class DenoiserGradient
{
    /// <summary>The estimate, <c>(d estimate / d x)^T direction(estimate)</c>, and the learned variance's share if it is asked for. The graph is freed before the return.</summary>
    /// <param name="prior">The prior, made of differentiable operations.</param>
    /// <param name="x">The state.</param>
    /// <param name="sigma">Its noise level.</param>
    /// <param name="clip">Whether the estimate is limited to [-1, 1]; the gradient is zero where it was.</param>
    /// <param name="direction">A direction at an estimate, of its shape; not recorded.</param>
    /// <param name="variance">Whether the variance that the prior learned is wanted too.</param>
    /// <exception cref="InvalidOperationException">The prior's estimate does not depend on the state in a recorded way.</exception>
    public static (Tensor Estimate, Tensor Gradient, Tensor? VarianceShare) PullBack(
        Denoiser prior, Tensor x, double sigma, bool clip, Func<Tensor, Tensor> direction, bool variance = false)
    {
        using var scope = new Scope();
        var state = Leaf(x);
        Tensor? share = null;
        var (estimate, gradient) = Differentiated(Recorded(), state, direction);
        return (scope.Keep(estimate), scope.Keep(gradient), share is null ? null : scope.Keep(share.Detach()));

        Tensor Recorded()
        {
            using var withGrad = new WithGrad();
            Tensor denoised;
            if (variance) (denoised, share) = prior.DenoiseWithVariance(state, sigma);
            else denoised = prior.Denoise(state, sigma);
            return clip ? denoised.Clamp(-1, 1) : denoised;
        }
    }

    /// <summary>A prediction, and <c>(d prediction / d x)^T direction(prediction)</c>. The graph is freed before the return.</summary>
    /// <param name="predict">Clean images from a state, by differentiable operations.</param>
    /// <param name="x">The state.</param>
    /// <param name="direction">A direction at a prediction, of its shape; not recorded.</param>
    /// <exception cref="InvalidOperationException">The prediction does not depend on the state in a recorded way.</exception>
    public static (Tensor Estimate, Tensor Gradient) PullBack(Func<Tensor, Tensor> predict, Tensor x, Func<Tensor, Tensor> direction)
    {
        using var scope = new Scope();
        var state = Leaf(x);
        var (estimate, gradient) = Differentiated(Recorded(), state, direction);
        return (scope.Keep(estimate), scope.Keep(gradient));

        Tensor Recorded()
        {
            using var withGrad = new WithGrad();
            return predict(state);
        }
    }

    /// <summary><c>r = y - H x0</c> and <c>(d H x0 / d x0)^T r</c>: by the adjoint of a linear operator, else through the recorded operations of the operator.</summary>
    public static (Tensor Residual, Tensor Back) Residual(ForwardOperator h, Tensor y, Tensor estimate)
    {
        using var scope = new Scope();
        if (h is LinearOperator linear)
        {
            var residual = y - linear.Apply(estimate);
            return (scope.Keep(residual), scope.Keep(linear.Adjoint(residual)));
        }
        var image = estimate.Detach();
        image.RequiresGrad = true;
        var measured = Recorded();
        if (!measured.RequiresGrad) throw new InvalidOperationException($"operator '{h.Name}' cannot be differentiated");
        var difference = y - measured.Detach();
        var back = Tensor.Gradients(measured, difference, [image])[0] ?? throw new InvalidOperationException($"operator '{h.Name}' does not depend on the image");
        return (scope.Keep(difference), scope.Keep(back));

        Tensor Recorded()
        {
            using var withGrad = new WithGrad();
            return h.Apply(image);
        }
    }

    /// <summary>The Euclidean norm of each image's part, <c>[N, 1, 1, 1]</c>, kept off 0 so that one may divide by it.</summary>
    public static Tensor NormOfEach(Tensor values)
    {
        using var scope = new Scope();
        return scope.Keep(values.Reshape(values.Size(0), -1).Norm([1]).Clamp(1e-30, null).Reshape(-1, 1, 1, 1));
    }

    /// <summary>
    /// The mean of <c>1 / |y|</c> over each image's part, <c>[N, 1, 1, 1]</c>, by which the DPS authors' code multiplies the norm for Poisson noise. Half a grey level of 8 bits stands for 0, which the
    /// code would divide by: what is below a millionth, which no picture of 8 or 16 bits has but as a 0.
    /// </summary>
    public static Tensor PoissonFactorOfEach(Tensor y)
    {
        using var scope = new Scope();
        var sizes = y.Abs();
        var inverse = sizes.Less(Zero).Where(sizes.ZerosLike() + 1 / 255.0, sizes).Reciprocal();
        return scope.Keep(inverse.Reshape(y.Size(0), -1).Mean([1]).Reshape(-1, 1, 1, 1));
    }

    private const double Zero = 1e-6;

    private static Tensor Leaf(Tensor x)
    {
        var state = x.Detach();
        state.RequiresGrad = true;
        return state;
    }

    private static (Tensor Estimate, Tensor Gradient) Differentiated(Tensor recorded, Tensor state, Func<Tensor, Tensor> direction)
    {
        if (!recorded.RequiresGrad) throw new InvalidOperationException("the prior cannot be differentiated: its estimate is not recorded as a function of the state");
        var estimate = recorded.Detach();
        var gradient = Tensor.Gradients(recorded, direction(estimate), [state])[0]
            ?? throw new InvalidOperationException("the prior cannot be differentiated: its estimate does not depend on the state");
        return (estimate, gradient);
    }
}
