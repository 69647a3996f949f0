namespace Posterior.Torch.Nn;

/// <summary>A checkpoint does not fit a network: which keys are missing, unexpected or of another shape.</summary>
/// <param name="missing">Keys that the network has and the checkpoint lacks.</param>
/// <param name="unexpected">Keys that the checkpoint has and the network lacks.</param>
/// <param name="misshapen">Keys whose shapes differ, with both shapes.</param>
public sealed class StateDictException(IReadOnlyList<string> missing, IReadOnlyList<string> unexpected, IReadOnlyList<string> misshapen)
    : Exception("the checkpoint does not fit the network: " + string.Join("; ", Part("missing", missing), Part("unexpected", unexpected), Part("misshapen", misshapen)))
{
    private const int MostNamed = 5;

    /// <summary>Keys that the network has and the checkpoint lacks.</summary>
    public IReadOnlyList<string> Missing => missing;

    /// <summary>Keys that the checkpoint has and the network lacks.</summary>
    public IReadOnlyList<string> Unexpected => unexpected;

    /// <summary>Keys whose shapes differ, with both shapes.</summary>
    public IReadOnlyList<string> Misshapen => misshapen;

    private static string Part(string what, IReadOnlyList<string> keys) => keys.Count switch
    {
        0 => $"0 {what}",
        <= MostNamed => $"{keys.Count} {what}: {string.Join(", ", keys)}",
        _ => $"{keys.Count} {what}: {string.Join(", ", keys.Take(MostNamed))}, ...",
    };
}
