namespace Posterior.Diffusion;

/// <summary>The noise of a stochastic degradation process: <c>sigma_t = Min (Max / Min)^t</c> (Fabian et al. 2024, Sec. 4).</summary>
/// <param name="Min">The standard deviation at t = 0, positive.</param>
/// <param name="Max">The standard deviation at t = 1, at least <paramref name="Min"/>.</param>
public sealed record GeometricNoise(double Min, double Max)
{
    /// <summary>The standard deviation at a time from 0 to 1.</summary>
    public double Sigma(double time) => Min == Max ? Min : Min * Math.Pow(Max / Min, time);
}
