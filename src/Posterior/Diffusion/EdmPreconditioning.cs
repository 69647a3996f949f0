using Posterior.Torch;

namespace Posterior.Diffusion;

/// <summary>
/// The scalings around a network in <c>D(x; sigma) = c_skip x + c_out F(c_in x, c_noise)</c> (Karras et al. 2022, Eq. 7 and Table 1).
/// </summary>
public abstract record Preconditioning
{
    // ln(0) would be the noise label of a clean image.
    private const double LowestLevel = 1e-4;

    /// <summary>The noise levels of the published training, for images in [-1, 1].</summary>
    public abstract (double Min, double Max) SigmaRange { get; }

    /// <summary>The process of the published training; where that has none, the shifted cosine.</summary>
    public virtual NoiseSchedule Schedule { get; } = new ShiftedCosineSchedule();

    /// <summary>The weight of the noisy image.</summary>
    public abstract double CSkip(double sigma);

    /// <summary>The scale of the network's output.</summary>
    public abstract double COut(double sigma);

    /// <summary>The scale of the network's input.</summary>
    public abstract double CIn(double sigma);

    /// <summary>The network's conditioning scalar.</summary>
    public abstract double CNoise(double sigma);

    /// <summary><c>D(x; sigma)</c>. Levels below 1e-4 count as that, where c_skip returns nearly all of x.</summary>
    /// <param name="x">Noisy images, <c>[N, C, H, W]</c>.</param>
    /// <param name="sigma">Their noise level.</param>
    /// <param name="network">F, of its scaled input and the conditioning scalar.</param>
    /// <returns>Of the shape and type of <paramref name="x"/>.</returns>
    internal Tensor Denoise(Tensor x, double sigma, Func<Tensor, double, Tensor> network)
    {
        using var scope = new Scope();
        var level = Math.Max(sigma, LowestLevel);
        var output = network(x * CIn(level), CNoise(level));
        return scope.Keep((x * CSkip(level)).AddScaled(output.To(x.DType), COut(level)));
    }
}

/// <summary>EDM's own scalings (Karras et al. 2022, Sec. 5).</summary>
/// <param name="SigmaData">The standard deviation of the training images in [-1, 1].</param>
public sealed record EdmPreconditioning(double SigmaData = 0.5) : Preconditioning
{
    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange { get; } = (0.002, 80);

    /// <inheritdoc/>
    public override double CSkip(double sigma) => SigmaData * SigmaData / (sigma * sigma + SigmaData * SigmaData);

    /// <inheritdoc/>
    public override double COut(double sigma) => sigma * SigmaData / Math.Sqrt(sigma * sigma + SigmaData * SigmaData);

    /// <inheritdoc/>
    public override double CIn(double sigma) => 1 / Math.Sqrt(sigma * sigma + SigmaData * SigmaData);

    /// <inheritdoc/>
    public override double CNoise(double sigma) => Math.Log(sigma) / 4;
}

/// <summary>The continuous variance-preserving process of Song et al. (2021) in EDM's form.</summary>
/// <param name="BetaD">The growth of beta over time.</param>
/// <param name="BetaMin">The first beta.</param>
/// <param name="Steps">The number of steps that the timesteps count.</param>
public sealed record VpPreconditioning(double BetaD = 19.9, double BetaMin = 0.1, int Steps = 1000) : Preconditioning
{
    private const double FirstTime = 1e-5;

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => (Sigma(FirstTime), Sigma(1));

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => new ContinuousVpSchedule(BetaD, BetaMin);

    /// <summary>The noise level at time t in (0, 1].</summary>
    public double Sigma(double time) => Math.Sqrt(Expm1(BetaD / 2 * time * time + BetaMin * time));

    /// <summary>The time of a noise level, the inverse of <see cref="Sigma"/>.</summary>
    public double Time(double sigma) => (Math.Sqrt(BetaMin * BetaMin + 2 * BetaD * Log1p(sigma * sigma)) - BetaMin) / BetaD;

    /// <inheritdoc/>
    public override double CSkip(double sigma) => 1;

    /// <inheritdoc/>
    public override double COut(double sigma) => -sigma;

    /// <inheritdoc/>
    public override double CIn(double sigma) => 1 / Math.Sqrt(sigma * sigma + 1);

    /// <inheritdoc/>
    public override double CNoise(double sigma) => (Steps - 1) * Time(sigma);

    // exp(x) - 1 and ln(1 + x) without cancellation: the classical forms with the rounding of the inner sum corrected (Kahan).
    private static double Expm1(double x) => Math.Exp(x) is var u && u == 1 ? x : Math.Abs(x) > 0.5 ? u - 1 : (u - 1) * x / Math.Log(u);

    private static double Log1p(double x) => 1 + x is var u && u == 1 ? x : Math.Log(u) * x / (u - 1);
}

/// <summary>The variance-exploding process of Song et al. (2021) in EDM's form.</summary>
public sealed record VePreconditioning : Preconditioning
{
    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange { get; } = (0.02, 100);

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => new GeometricSchedule(SigmaRange.Min, SigmaRange.Max);

    /// <inheritdoc/>
    public override double CSkip(double sigma) => 1;

    /// <inheritdoc/>
    public override double COut(double sigma) => sigma;

    /// <inheritdoc/>
    public override double CIn(double sigma) => 1;

    /// <inheritdoc/>
    public override double CNoise(double sigma) => Math.Log(sigma / 2);
}

/// <summary>The discrete cosine process of improved DDPM (Nichol and Dhariwal 2021) in EDM's form: noise levels are rounded to a table.</summary>
public sealed record IddpmPreconditioning : Preconditioning
{
    private const int Steps = 1000;
    private const double SmallestRatio = 0.001, Offset = 0.008;

    private readonly double[] _levels = Levels();

    /// <inheritdoc/>
    public override (double Min, double Max) SigmaRange => (_levels[Steps - 1], _levels[0]);

    /// <inheritdoc/>
    public override NoiseSchedule Schedule => VpSchedule.Cosine(Steps);

    /// <summary>The table u_0 &gt; u_1 &gt; ... &gt; u_1000 = 0 of noise levels (Karras et al. 2022, Table 1).</summary>
    public IReadOnlyList<double> Table => _levels;

    /// <inheritdoc/>
    public override double CSkip(double sigma) => 1;

    /// <inheritdoc/>
    public override double COut(double sigma) => -sigma;

    /// <inheritdoc/>
    public override double CIn(double sigma) => 1 / Math.Sqrt(sigma * sigma + 1);

    /// <inheritdoc/>
    public override double CNoise(double sigma) => Steps - 1 - Nearest(sigma);

    /// <summary>The index of the table's nearest level.</summary>
    public int Nearest(double sigma)
    {
        var nearest = 0;
        for (var j = 1; j < _levels.Length; j++)
            if (Math.Abs(sigma - _levels[j]) < Math.Abs(sigma - _levels[nearest])) nearest = j;
        return nearest;
    }

    private static double[] Levels()
    {
        var levels = new double[Steps + 1];
        for (var j = Steps; j > 0; j--)
        {
            var ratio = AlphaBar(j - 1) / AlphaBar(j);
            levels[j - 1] = Math.Sqrt((levels[j] * levels[j] + 1) / Math.Max(ratio, SmallestRatio) - 1);
        }
        return levels;

        static double AlphaBar(int j) => Math.Pow(Math.Sin(Math.PI / 2 * j / (Steps * (1 + Offset))), 2);
    }
}
