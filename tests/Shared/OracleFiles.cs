namespace Posterior.Oracles;

/// <summary>
/// Finds the oracle files: reference inputs and outputs computed with published implementations. The root is <c>$POSTERIOR_ORACLES</c>,
/// else the first <c>shared/oracles</c> beside one of the folders above the test assembly.
/// </summary>
/// <example>
/// <code>
/// [SkippableTheory]
/// [Trait("Category", "Oracle")]
/// [MemberData(nameof(OracleFiles.Rows), "losses", "loss", MemberType = typeof(OracleFiles))]
/// public void Loss_matches_the_oracle(string row)
/// {
///     using var oracle = OracleFiles.Open(row);   // reports itself as skipped when the folder is missing
///     ...
/// }
/// </code>
/// </example>
public static class OracleFiles
{
    /// <summary>The row that stands for "there are no such files": a theory without rows would fail instead of being skipped.</summary>
    public const string NoFiles = "(no oracle files found)";

    private static readonly Lazy<string?> _root = new(FindRoot);

    /// <summary>The folder that holds the oracles; null when there is none.</summary>
    public static string? Root => _root.Value;

    /// <summary>A folder below the root; null when it does not exist.</summary>
    public static string? Folder(string subfolder)
        => Root is { } root && Path.Combine(root, subfolder) is var folder && Directory.Exists(folder) ? folder : null;

    /// <summary>A folder below the root; ends the test as skipped when it does not exist.</summary>
    public static string RequireFolder(string subfolder)
    {
        var folder = Folder(subfolder);
        Skip.If(folder is null, $"no oracle folder '{subfolder}' (set POSTERIOR_ORACLES)");
        return folder!;
    }

    /// <summary>
    /// Theory rows, one path (relative to the root) for each safetensors file below a subfolder, in ordinal order. Folders named <c>bad</c>
    /// are left out: their files are damaged on purpose.
    /// </summary>
    /// <param name="subfolder">A folder below the root; empty for all of them.</param>
    /// <param name="kind">
    /// Only files whose metadata say this <c>kind</c>; null for all. A file that cannot be opened or says none stays in, so that its test fails.
    /// </param>
    public static IEnumerable<object[]> Rows(string subfolder, string? kind = null)
    {
        var rows = Enumerate(subfolder)
            .Where(row => kind is null || KindOf(row) is not { } found || found == kind)
            .Select(row => new object[] { row })
            .ToList();
        return rows.Count > 0 ? rows : [[NoFiles]];
    }

    /// <summary>Rows of those files that one test of several is for, by a property of their specifications; the others are another test's, not skipped by this one.</summary>
    /// <inheritdoc cref="Rows(string, string?)"/>
    /// <param name="property">The property, a text.</param>
    /// <param name="beginnings">How its value begins: several with commas; after an exclamation mark how it does not.</param>
    /// <remarks>A file whose specification lacks the property stays in, so that its test fails.</remarks>
    public static IEnumerable<object[]> RowsWhere(string subfolder, string kind, string property, string beginnings)
    {
        var (without, names) = (beginnings.StartsWith('!'), beginnings.TrimStart('!').Split(','));
        var rows = Rows(subfolder, kind).Where(row => PropertyOf((string)row[0], property) is not { } value || names.Any(name => value.StartsWith(name, StringComparison.Ordinal)) != without).ToList();
        return rows.Count > 0 ? rows : [[NoFiles]];
    }

    /// <summary>The paths of <see cref="Rows(string, string?)"/>, without a marker when there are none.</summary>
    public static IReadOnlyList<string> Enumerate(string subfolder)
    {
        if (Folder(subfolder) is not { } folder)
            return [];
        return [.. Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root!, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Contains("bad"))
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>Opens the file of a theory row; ends the test as skipped for the marker row.</summary>
    public static OracleFile Open(string row)
    {
        Skip.If(row == NoFiles || Root is null, "no oracle files (set POSTERIOR_ORACLES)");
        return new OracleFile(Path.Combine(Root!, row), row);
    }

    private static string? KindOf(string row)
    {
        try
        {
            using var oracle = new OracleFile(Path.Combine(Root!, row), row);
            return oracle.Kind;
        }
        catch (Torch.Weights.WeightFileException)
        {
            return null;
        }
    }

    private static string? PropertyOf(string row, string property)
    {
        if (row == NoFiles) return null;
        try
        {
            using var oracle = new OracleFile(Path.Combine(Root!, row), row);
            return oracle.Spec.GetProperty(property).GetString();
        }
        catch (Exception error) when (error is Torch.Weights.WeightFileException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? FindRoot()
    {
        if (Environment.GetEnvironmentVariable("POSTERIOR_ORACLES") is { Length: > 0 } chosen)
            return Directory.Exists(chosen) ? Path.GetFullPath(chosen) : throw new DirectoryNotFoundException($"POSTERIOR_ORACLES: '{chosen}' does not exist");
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "shared", "oracles");
            if (Directory.Exists(candidate))
                return candidate;
        }

        return null;
    }
}
