namespace Posterior.Operators;

/// <summary>
/// Greedy degradation scheduling (Fabian et al. 2024, Algorithm 2): among equally spaced candidate severities, those are chosen whose neighbours are close, so that
/// no step of the reverse process has far to go.
/// </summary>
/// <param name="Indices">The chosen candidates, ascending, first and last included.</param>
/// <param name="Added">The others in the order in which they were chosen.</param>
/// <param name="Widest">The largest distance of neighbours after each choice.</param>
public sealed record GreedySchedule(IReadOnlyList<int> Indices, IReadOnlyList<int> Added, IReadOnlyList<double> Widest)
{
    /// <summary>
    /// Splits the widest interval again and again, at the candidate whose larger distance to its ends is least; ends early when the widest interval cannot be made narrower.
    /// </summary>
    /// <param name="distances">The distance of any two candidates, <c>[N, N]</c>.</param>
    /// <param name="points">How many candidates to choose between first and last.</param>
    /// <exception cref="ArgumentException">The matrix is not square or smaller than 2.</exception>
    public static GreedySchedule Of(double[,] distances, int points)
    {
        var n = distances.GetLength(0);
        if (n < 2 || distances.GetLength(1) != n) throw new ArgumentException($"distances are a square matrix of 2 or more candidates, found {n} x {distances.GetLength(1)}", nameof(distances));
        List<int> chosen = [0, n - 1], added = [];
        List<double> widest = [];
        while (added.Count < points)
        {
            var at = WidestInterval(chosen);
            var (from, to) = (chosen[at], chosen[at + 1]);
            var (best, split) = (distances[from, to], -1);
            for (var j = from + 1; j < to; j++)
            {
                if (Math.Max(distances[from, j], distances[j, to]) is var larger && larger < best) (best, split) = (larger, j);
            }
            if (split < 0) break;
            chosen.Insert(at + 1, split);
            added.Add(split);
            at = WidestInterval(chosen);
            widest.Add(distances[chosen[at], chosen[at + 1]]);
        }
        return new(chosen, added, widest);

        int WidestInterval(List<int> indices)
        {
            var first = 0;
            for (var i = 1; i + 1 < indices.Count; i++)
                if (distances[indices[i], indices[i + 1]] > distances[indices[first], indices[first + 1]]) first = i;
            return first;
        }
    }

    /// <summary>The schedule: the chosen severities at equally spaced times.</summary>
    /// <param name="candidates">The number N of candidates.</param>
    public SeveritySchedule Schedule(int candidates) => new(
        [.. Enumerable.Range(0, Indices.Count).Select(i => i / (Indices.Count - 1.0))],
        [.. Indices.Select(index => index / (candidates - 1.0))]);
}
