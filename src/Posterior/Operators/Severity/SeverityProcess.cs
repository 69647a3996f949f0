using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// A deterministic degradation process <c>A_t</c> (Fabian et al. 2024, Def. 3.2): from nearly the identity at t = 0 to the degradation of the measurement at t = 1.
/// Images of any size; each channel alike.
/// </summary>
/// <param name="Degradation">The degradation and its severities.</param>
/// <param name="Schedule">Which severity belongs to which time.</param>
public sealed record SeverityProcess(SeveritySpec Degradation, SeveritySchedule Schedule)
{
    /// <summary>The process of a degradation whose severity is time.</summary>
    public SeverityProcess(SeveritySpec degradation)
        : this(degradation, SeveritySchedule.Linear)
    {
    }

    /// <summary><c>A_t</c>. The caller disposes it.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="time">t, from 0 to 1; what lies outside is as the nearer end.</param>
    /// <exception cref="OperatorException">The degradation does not fit the shape.</exception>
    public LinearOperator At(ImageShape shape, double time) => Degradation.At(shape, Schedule.At(time));

    /// <summary><c>A_t x</c> with a time for each image; differentiable.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>, Float32 or Float64.</param>
    /// <param name="times">One for each image, from 0 to 1.</param>
    public Tensor Degrade(Tensor x, ReadOnlySpan<double> times)
    {
        var severities = new double[times.Length];
        for (var i = 0; i < severities.Length; i++) severities[i] = Schedule.At(times[i]);
        return Degradation.Degrade(x, severities);
    }
}
