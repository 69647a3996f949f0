namespace Posterior.Operators;

/// <summary>What a sampled, normalised Gaussian leaves of a single one in the middle of a finite axis: what would leave the axis is mirrored back, so that the sum stays 1.</summary>
internal static class FoldedGaussian
{
    /// <summary>The profile of an axis.</summary>
    /// <param name="length">The length of the axis; the middle is at length / 2.</param>
    /// <param name="deviation">The standard deviation, positive.</param>
    /// <param name="cut">After how many deviations the Gaussian ends (rounded to whole pixels).</param>
    public static double[] Profile(int length, double deviation, double cut)
    {
        var radius = (int)(cut * deviation + 0.5);
        var weights = new double[2 * radius + 1];
        for (var j = -radius; j <= radius; j++) weights[j + radius] = Math.Exp(-0.5 * j * j / (deviation * deviation));
        var sum = weights.Sum();
        var profile = new double[length];
        for (var i = 0; i < length; i++)
        {
            for (var j = -radius; j <= radius; j++)
                if (Mirrored(i + j, length) == length / 2) profile[i] += weights[j + radius] / sum;
        }
        return profile;
    }

    // The edge pixel is repeated: -1 is 0.
    private static int Mirrored(int i, int n)
    {
        i = ((i % (2 * n)) + 2 * n) % (2 * n);
        return Math.Min(i, 2 * n - 1 - i);
    }
}
