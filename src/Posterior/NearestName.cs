namespace Posterior;

/// <summary>Suggestions for mistyped names.</summary>
public static class NearestName
{
    /// <summary>The known name with the fewest edits (insert, delete, replace, swap neighbours) from a given one; null when none is near.</summary>
    /// <param name="name">What was typed.</param>
    /// <param name="known">The names that exist.</param>
    public static string? Of(string name, IEnumerable<string> known)
    {
        var (best, least) = ((string?)null, Math.Max(2, name.Length / 2) + 1);
        foreach (var candidate in known)
        {
            var distance = Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (distance < least) (best, least) = (candidate, distance);
        }
        return best;
    }

    /// <summary>", did you mean 'x'?" or nothing, to end an error line with.</summary>
    public static string Suggestion(string name, IEnumerable<string> known) => Of(name, known) is { } nearest ? $", did you mean '{nearest}'?" : "";

    // Optimal string alignment.
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) d[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }
        return d[a.Length, b.Length];
    }
}
