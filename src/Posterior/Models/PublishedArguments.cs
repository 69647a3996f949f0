using System.Text.Json;
using System.Text.Json.Nodes;

namespace Posterior.Models;

/// <summary>
/// Arguments of the published constructors and configurations that are no settings here: most tell how a network was trained, some would make another network.
/// Names are without underscores, in small letters.
/// </summary>
internal static class PublishedArguments
{
    // Nothing of these changes what a network computes.
    private static readonly HashSet<string> _withoutEffect =
    [
        "arch", "type", "dropout", "usefp16", "usecheckpoint", "ema", "emarate",

        // guided-diffusion: a classifier has no decoder whose heads these would be.
        "numheadsupsample",

        // DDPM, EDM.
        "vartype", "labeldropout",

        // SwinIR; what trains a transformer, and the one norm that was published.
        "droprate", "attndroprate", "droppathrate", "normlayer",

        // k-diffusion: losses, augmentation, the levels of training and sampling; a transformer takes images of any size.
        "mappingdropoutrate", "dropoutrate", "inputsize", "augmentprob", "augmentwrapper", "lossconfig", "lossweighting", "lossscales", "sigmamin", "sigmamax", "sigmasampledensity",
    ];

    // Each of these would make another network: what is built has this value.
    private static readonly Dictionary<string, JsonElement> _onlyBuilt = new()
    {
        ["dims"] = Value("2"),
        ["patchsize"] = Value("1"),
        ["hasvariance"] = Value("false"),
        ["skipstages"] = Value("0"),
    };

    /// <summary>The other published name of a setting: <c>in_channels</c> of EDM's networks, which its preconditioners call <c>img_channels</c>.</summary>
    public static string SameAs(string name) => name == "inchannels" ? "imgchannels" : name;

    /// <summary>Whether an argument is known and changes nothing.</summary>
    /// <param name="network">The architecture, for the message.</param>
    /// <param name="key">The argument as it is written.</param>
    /// <param name="name">The same without underscores, in small letters.</param>
    /// <param name="value">Its value; null is Python's word for the default.</param>
    /// <exception cref="ModelException">The value asks for a network that is not built.</exception>
    public static bool Accept(string network, string key, string name, JsonNode? value)
    {
        if (_withoutEffect.Contains(name)) return true;
        if (!_onlyBuilt.TryGetValue(name, out var built)) return false;
        if (value is null || JsonElement.DeepEquals(Value(value.ToJsonString()), built)) return true;
        throw new ModelException($"a {network} with {key} {value.ToJsonString()} is not built: expected {built.GetRawText()}");
    }

    private static JsonElement Value(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
