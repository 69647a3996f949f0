using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Evaluation.Verification;

/// <summary>
/// The inverse problems of <see cref="SolverVerification"/>: pictures of 4x4 grey pixels, so that the covariance of 2,000 samples is known well; pixels whose neighbours are
/// correlated, so that what is measured tells about what is not. All numbers are Float64.
/// </summary>
/// <param name="Operator">What the operator is called in tables.</param>
/// <param name="Sigma">The noise level for images in [0, 1].</param>
internal sealed record VerificationTask(string Operator, double Sigma)
{
    /// <summary>The noise level of the papers.</summary>
    private const double NoiseLevel = 0.05;

    /// <summary>The standard deviation of a pixel of the normal prior, and of one component of the mixture. Nearly all pixels lie in [-1, 1], where solvers clamp.</summary>
    private const double Deviation = 0.25, ComponentDeviation = 0.1;

    /// <summary>The correlation of neighbours; of pixels r rows and c columns apart its power r + c.</summary>
    private const double Correlation = 0.8;

    /// <summary>The contrast of the components' means: half a bright and half a dark area.</summary>
    private const double Contrast = 0.15;

    private static readonly double[] _weights = [0.5, 0.3, 0.2];

    /// <summary>The shape of the pictures.</summary>
    public static ImageShape Shape { get; } = new(1, 4, 4);

    /// <summary>All of them: five operators without and with noise.</summary>
    public static IReadOnlyList<VerificationTask> All { get; } =
        [.. new[] { "denoise", "inpaint", "sr2", "blur", "cs2" }.SelectMany(name => new[] { new VerificationTask(name, 0), new VerificationTask(name, NoiseLevel) })];

    /// <summary>The noise level for images in [-1, 1].</summary>
    public double SignedSigma => new UnitSigma(Sigma).Signed;

    /// <summary>A new operator; the caller disposes it. Threads do not share operators.</summary>
    public SpectralOperator Bind() => Operator switch
    {
        // Half of the pixels are missing.
        "inpaint" => new Inpainting(Shape, Masks.Random(Shape, 0.5, seed: 1)) { DType = DType.Float64 },
        // (1, 2, 1) / 4 along rows and columns, circular: the highest frequencies are lost, so that the answer is open without noise too.
        "blur" => Blur(),
        _ => (SpectralOperator)OperatorCatalog.Parse(Operator).Bind(Shape, dtype: DType.Float64),
    };

    /// <summary>The normal prior, a slope in brightness with correlated deviations. Its tensors belong to the caller's scope.</summary>
    public static GaussianDenoiser NormalPrior()
    {
        var mean = Tensor.Linspace(-0.2, 0.2, Shape.Width, DType.Float64).Reshape(1, 1, 1, Shape.Width).Repeat(1, 1, Shape.Height, 1);
        return GaussianDenoiser.WithCovariance(mean, Covariance(Deviation));
    }

    /// <summary>The mixture: bright on the left, on top, or on a diagonal. Its tensors belong to the caller's scope.</summary>
    public static GaussianMixtureDenoiser MixturePrior()
    {
        var side = Tensor.From([1.0, 1, -1, -1], 4);
        Tensor[] patterns = [side.Reshape(1, 4).Repeat(4, 1), side.Reshape(4, 1).Repeat(1, 4), side.Reshape(4, 1) * side.Reshape(1, 4)];
        var covariance = Covariance(ComponentDeviation);
        return new(_weights, [.. patterns.Select(pattern => GaussianDenoiser.WithCovariance(pattern.Reshape(Shape.Batch(1)) * Contrast, covariance))]);
    }

    private static CircularConvolution Blur()
    {
        using var scope = new Scope();
        var taps = Tensor.From([0.25, 0.5, 0.25], 3, 1);
        return new CircularConvolution(Shape, taps.MatMul(taps.Transpose(0, 1)), name: "blur") { DType = DType.Float64 };
    }

    private static Tensor Covariance(double deviation)
    {
        var n = (int)Shape.Count;
        var width = (int)Shape.Width;
        var values = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                values[i * n + j] = deviation * deviation * Math.Pow(Correlation, Math.Abs(i / width - j / width) + Math.Abs(i % width - j % width));
        }
        return Tensor.From(values, n, n);
    }
}
