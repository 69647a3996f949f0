namespace Posterior.Operators;

/// <summary>All operators that have a text form. A new operator adds one line here.</summary>
public static class OperatorCatalog
{
    /// <summary>The operators, in the order in which they are listed.</summary>
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        DenoiseSpec.Entry,
        InpaintFileSpec.Entry,
        InpaintRandomSpec.Entry,
        InpaintBoxSpec.Entry,
        InpaintTextSpec.Entry,
        BlockAverageSpec.Entry,
        BicubicSpec.Entry,
        UniformBlurSpec.Entry,
        GaussianBlurSpec.Entry,
        AnisotropicBlurSpec.Entry,
        TapsBlurSpec.Entry,
        KernelSpec.Entry,
        ColorizeSpec.Entry,
        HadamardSpec.Entry,
        BlockSensingSpec.Entry,
        MatrixSpec.Entry,
        BlurSeverity.Entry,
        GaussianMaskSeverity.Entry,
        BoxMaskSeverity.Entry,
        DownsamplingSeverity.Entry,
        .. FamilySpec.Entries,
    ];

    /// <summary>Reads the text form of an operator, as <c>sr4</c> or <c>deblur-gauss:sigma=3,size=31</c>.</summary>
    /// <exception cref="OperatorException">The name is unknown (the nearest known one is suggested), or a part of the text is wrong.</exception>
    public static OperatorSpec Parse(string text)
    {
        var trimmed = text.Trim();
        var colon = trimmed.IndexOf(':', StringComparison.Ordinal);
        var head = colon < 0 ? trimmed : trimmed[..colon];
        var name = head.TrimEnd("0123456789".ToCharArray());
        if (Entries.FirstOrDefault(entry => entry.Name == name) is not { } found)
        {
            var suggestion = Spelling.Nearest(name, Entries.Select(entry => entry.Name)) is { } nearest
                ? $", did you mean '{Entries.First(entry => entry.Name == nearest).Pattern}'?"
                : $"; known are {string.Join(", ", Entries.Select(entry => entry.Pattern))}";
            throw new OperatorException($"unknown operator '{trimmed}'{suggestion}");
        }

        var parts = new OperatorText(trimmed, found, head[name.Length..], colon < 0 ? null : trimmed[(colon + 1)..]);
        var spec = found.Read(parts);
        parts.Finish();
        return spec;
    }
}
