using Posterior.Torch.Nn;

namespace Posterior.Torch.Optim;

/// <summary>
/// Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): the averaged gradient of each hidden matrix, as outputs by the rest (convolution kernels too),
/// is replaced by the nearest matrix with orthonormal rows or columns, so that every direction of a layer learns at the same pace.
/// Other parameters take <see cref="AdamW"/>. Steps are scaled as in Moonlight (Liu et al. 2025, Eq. 4), so that one learning rate serves both.
/// </summary>
public sealed class Muon : Optimiser
{
    // The quintic of the reference: its fifth iterate sends singular values of (0, 1] to about 0.7 .. 1.2.
    private const double A = 3.4445, B = -4.7750, C = 2.0315;
    private const int Iterations = 5;

    // Far below any gradient that teaches something. Without it what is left in the average of a layer that gets no gradient any more would be
    // blown up to a full step; squares of numbers below 1e-22 are zero in single precision, and a norm that lacks them sends the iteration to infinity.
    private const double LeastNorm = 1e-12;

    private readonly (string Name, Tensor Parameter, Tensor Momentum)[] _kernels;
    private readonly AdamW _others;

    /// <summary>An optimiser of the given parameters with zero moments.</summary>
    /// <param name="parameters">Names and parameters.</param>
    /// <param name="beta2">The decay rate of AdamW's second moment.</param>
    /// <param name="weightDecay">The decoupled weight decay, of tensors of rank 2 and more.</param>
    /// <param name="hidden">Whether a parameter is a hidden matrix, of rank 2 or more; by default those of rank 4 are, the kernels of convolutions (<see cref="Module.IsHiddenMatrix"/>).</param>
    public Muon(IEnumerable<(string Name, Tensor Parameter)> parameters, double beta2 = 0.999, double weightDecay = 0, Func<string, Tensor, bool>? hidden = null)
        : this([.. parameters], beta2, weightDecay, hidden ?? ((_, parameter) => parameter.Rank == 4))
    {
    }

    private Muon((string Name, Tensor Parameter)[] parameters, double beta2, double weightDecay, Func<string, Tensor, bool> hidden)
        : base(parameters.Select(p => p.Parameter))
    {
        _kernels = [.. parameters.Where(p => hidden(p.Name, p.Parameter)).Select(p => (p.Name, p.Parameter, p.Parameter.ZerosLike().Own()))];
        _others = new AdamW(parameters.Where(p => !hidden(p.Name, p.Parameter))) { Beta2 = beta2, WeightDecay = weightDecay };
        WeightDecay = weightDecay;
    }

    /// <summary>The decay rate of the averaged gradient.</summary>
    public double Momentum { get; init; } = 0.95;

    /// <summary>The share of a weight that a step of size 1 removes; applied to tensors of rank 2 and more.</summary>
    public double WeightDecay { get; }

    /// <inheritdoc/>
    public override long Steps
    {
        get => _others.Steps;
        set => _others.Steps = value;
    }

    /// <summary>The moments by name: <c>NAME.momentum</c> of hidden matrices, AdamW's of other parameters.</summary>
    public override IEnumerable<(string Name, Tensor Tensor)> State => _kernels.Select(kernel => (kernel.Name + ".momentum", kernel.Momentum)).Concat(_others.State);

    /// <inheritdoc/>
    public override void Step(double scale = 1)
    {
        _others.LearningRate = LearningRate;
        _others.Step(scale);
        using var noGrad = new NoGrad();
        foreach (var (_, parameter, momentum) in _kernels)
        {
            using var scope = new Scope();
            if (parameter.Grad() is not { } gradient) continue;
            if (scale != 1) gradient.MultiplyInPlace(scale);
            momentum.LerpInPlace(gradient, 1 - Momentum);
            var matrix = gradient.Lerp(momentum, Momentum).Reshape(parameter.Size(0), -1); // Nesterov's look ahead
            if (WeightDecay > 0) parameter.MultiplyInPlace(1 - LearningRate * WeightDecay);
            // An orthogonal factor of a rows x columns matrix has entries of mean square 1 / max(rows, columns); AdamW's steps have about 0.2.
            parameter.AddInPlace(Orthogonalise(matrix).Reshape([.. parameter.Shape]), -0.2 * Math.Sqrt(Math.Max(matrix.Size(0), matrix.Size(1))) * LearningRate);
            parameter.ClearGrad();
        }
    }

    /// <summary>The orthogonal factor of a matrix's polar decomposition, approximately: its singular vectors with singular values of about 1.</summary>
    /// <param name="matrix"><c>[rows, columns]</c>.</param>
    /// <returns>The same shape; (nearly) zero for a matrix that is (nearly) zero.</returns>
    /// <remarks>
    /// Newton-Schulz multiplies X by a polynomial of X X^T in each iteration. All these polynomials commute, so the product of them is formed on the
    /// smaller Gram matrix, and the wide matrix is multiplied once: a third of the work for kernels of 3 x 3.
    /// </remarks>
    public static Tensor Orthogonalise(Tensor matrix)
    {
        using var scope = new Scope();
        var wide = matrix.Size(0) <= matrix.Size(1);
        var x = wide ? matrix : matrix.Transpose(0, 1);
        var norm = Math.Sqrt(x.Square().Sum().Item());
        x = x * (1 / (norm + LeastNorm));
        var gram = Product(x, x.Transpose(0, 1));
        Tensor? product = null;
        for (var i = 0; i < Iterations; i++)
        {
            using var step = new Scope();
            var factor = (gram * B).AddScaled(Product(gram, gram), C);
            factor.Diagonal().AddInPlace(A);
            product = step.Keep(product is null ? factor : Product(product, factor));
            if (i < Iterations - 1) gram = step.Keep(Product(Product(factor, gram), factor));
        }
        var result = Product(product!, x);
        return scope.Keep(wide ? result : result.Transpose(0, 1));

        static Tensor Product(Tensor a, Tensor b) => FastPath.Product(a, b) ?? a.MatMul(b);
    }
}
