namespace Posterior.Solvers;

/// <summary>
/// The order in which a solver with time travel visits the noise levels (RePaint, Lugmayr et al. 2022; DDNM Alg. 2): down, with jumps of some steps back up.
/// </summary>
internal static class TimeTravel
{
    /// <summary>
    /// Steps between positions of a list of <paramref name="count"/> levels and a final 0 (position <paramref name="count"/>). Counted from the lowest level, those at
    /// 0, length, 2 length, ... below count - length each send the walk <paramref name="length"/> levels up, repeat - 1 times.
    /// </summary>
    public static IEnumerable<(int From, int To)> Walk(int count, int length, int repeat)
    {
        var jumps = new Dictionary<int, int>();
        for (var k = 0; k < count - length; k += length) jumps[k] = repeat - 1;
        var at = count - 1;
        while (at >= 0)
        {
            if (jumps.TryGetValue(at, out var left) && left > 0)
            {
                jumps[at] = left - 1;
                for (var up = 0; up < length; up++, at++) yield return (Position(at), Position(at + 1));
            }
            yield return (Position(at), Position(at - 1));
            at--;
        }

        int Position(int counter) => count - 1 - counter;
    }
}
