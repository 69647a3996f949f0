namespace Posterior.Training;

/// <summary>Tells whether a loss has run away: finite, but for many steps in a row far above what the first steps had. One bad batch does not count.</summary>
public sealed class LossWatch
{
    // Losses weighted by noise level differ by a few tens from batch to batch; a diverged training soon exceeds any factor.
    private const double Factor = 1000;
    private const int Steps = 20;

    private double _sum;
    private int _seen, _above;

    /// <summary>The mean magnitude of the loss in the first 20 steps; null until they are past.</summary>
    public double? Beginning { get; private set; }

    /// <summary>Continues a watch whose first steps are past.</summary>
    /// <param name="beginning">Its <see cref="Beginning"/>.</param>
    public void Resume(double beginning) => Beginning = beginning;

    /// <summary>Takes a step's loss.</summary>
    /// <returns>Whether it is the last of 20 in a row above a thousand times <see cref="Beginning"/>.</returns>
    public bool HasRunAway(double loss)
    {
        if (Beginning is not { } beginning)
        {
            _sum += Math.Abs(loss);
            if (++_seen == Steps) Beginning = _sum / Steps;
            return false;
        }
        _above = loss > Factor * beginning ? _above + 1 : 0;
        return _above >= Steps;
    }
}
