namespace Posterior;

/// <summary>Finds what a misspelt name was meant to be.</summary>
public static class Spelling
{
    /// <summary>A suggestion to append to an error: <c>, did you mean 'sr-bicubic'?</c>; empty when nothing is near.</summary>
    /// <param name="name">What was written.</param>
    /// <param name="known">The names that exist.</param>
    public static string Suggest(string name, IEnumerable<string> known) => Nearest(name, known) is { } nearest ? $", did you mean '{nearest}'?" : "";

    /// <summary>The known name with the smallest edit distance (Levenshtein), when at most a third of the letters differ, rounded up, but not all of them; else null.</summary>
    /// <param name="name">What was written.</param>
    /// <param name="known">The names that exist; the first of several equally near ones wins.</param>
    public static string? Nearest(string name, IEnumerable<string> known) => known
        .Select(candidate => (Name: candidate, Distance: Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant())))
        .Where(candidate => IsNear(candidate.Distance, Math.Max(Letters(name), Letters(candidate.Name))))
        .OrderBy(candidate => candidate.Distance)
        .Select(candidate => candidate.Name)
        .FirstOrDefault();

    /// <summary>The number of letters to insert, delete or replace to get from one text to the other.</summary>
    public static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = cost;
            }
        }

        return row[^1];
    }

    private static bool IsNear(int distance, int letters) => distance <= (letters + 2) / 3 && distance < Math.Max(letters, 1);

    // All options begin with dashes: that makes none more alike.
    private static int Letters(string name) => name.TrimStart('-').Length;
}
