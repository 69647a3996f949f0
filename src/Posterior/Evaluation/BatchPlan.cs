using System.Text;
using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>One file of a batch.</summary>
/// <param name="Input">The file to read.</param>
/// <param name="Output">The file to write.</param>
public readonly record struct BatchItem(string Input, string Output);

/// <summary>Which files are read and which are written: one to one, or folders, globs and lists of files into a folder.</summary>
/// <param name="Items">The files in ordinal order of their inputs.</param>
/// <param name="IsBatch">Whether the output is a folder.</param>
public sealed record BatchPlan(IReadOnlyList<BatchItem> Items, bool IsBatch)
{
    // Of a file on Linux.
    private const int LongestName = 255;

    /// <summary>Makes a plan.</summary>
    /// <param name="inputs">Files, folders (searched recursively) and globs of names in a folder.</param>
    /// <param name="output">A file for a single file; else a folder. A folder may stand for a single file too: one that exists, or a name that ends in <c>/</c>.</param>
    /// <param name="accepts">Which files of a folder are taken.</param>
    /// <param name="extension">The ending of an output whose input has a given ending.</param>
    /// <exception cref="ImageException">The only input is missing, a folder or glob has no images, the output is a file and must be a folder, or outputs would replace each other.</exception>
    public static BatchPlan Of(IReadOnlyList<string> inputs, string output, Func<string, bool> accepts, Func<string, string> extension)
    {
        var folder = Path.GetFullPath(output);
        var files = new List<(string Path, string Name)>();
        var several = inputs.Count > 1;
        foreach (var input in inputs)
        {
            if (Directory.Exists(input))
            {
                several = true;
                if (FolderSearch.IsWithin(input, folder)) throw new ImageException($"the folder '{input}' is or lies in the output's, '{output}', whose files are not read");
                Add(files, input, FolderSearch.Files(input, "*", recurse: true).Where(file => accepts(file) && !FolderSearch.IsWithin(file, folder)), input);
            }
            else if (File.Exists(input))
            {
                files.Add((input, Path.GetFileName(input)));
            }
            else if (Path.GetFileName(input).AsSpan().ContainsAny('*', '?'))
            {
                several = true;
                var parent = Path.GetDirectoryName(input) is { Length: > 0 } named ? named : ".";
                if (!Directory.Exists(parent)) throw new ImageException($"the folder '{parent}' of '{input}' does not exist");
                Add(files, parent, FolderSearch.Files(parent, Path.GetFileName(input), recurse: false).Where(accepts), input);
            }
            else if (inputs.Count == 1)
            {
                throw new ImageException($"'{input}' does not exist (expected a file, a folder or a glob as 'in/*.png')");
            }
            else
            {
                // One of several that cannot be read stops no other: its turn will tell.
                files.Add((input, Path.GetFileName(input)));
            }
        }
        if (!several && !Directory.Exists(output) && !Path.EndsInDirectorySeparator(output)) return new([new(files[0].Path, output)], false);
        if (File.Exists(output)) throw new ImageException($"'{output}' is a file; the output of several files is a folder");
        var sorted = files.DistinctBy(file => Path.GetFullPath(file.Path)).OrderBy(file => file.Name, StringComparer.Ordinal).ToArray();
        var plain = sorted.Select(file => Path.ChangeExtension(file.Name, extension(Path.GetExtension(file.Name).ToLowerInvariant()))).ToArray();
        var taken = plain.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1).Select(group => group.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var items = new List<BatchItem>();
        for (var i = 0; i < sorted.Length; i++)
        {
            // a.jpg and a.png in one folder keep their endings: a.jpg.png, a.png.png.
            var name = taken.Contains(plain[i]) ? sorted[i].Name + Path.GetExtension(plain[i]) : plain[i];
            items.Add(new(sorted[i].Path, Path.Combine(output, name)));
        }
        if (items.GroupBy(item => item.Output, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1)?.ToArray() is [var one, var other, ..])
            throw new ImageException($"'{one.Input}' and '{other.Input}' would both be written as '{one.Output}'");
        return new(items, true);
    }

    /// <summary>Checks that nothing that is written replaces what is read, or what is written for another input.</summary>
    /// <param name="items">The files.</param>
    /// <param name="filesOf">Every file that is written for an output.</param>
    /// <param name="alsoRead">Files that are read for each input: those of the operator and the model.</param>
    /// <exception cref="ImageException">Something is replaced, or a name is too long.</exception>
    public static void Check(IReadOnlyList<BatchItem> items, Func<string, IEnumerable<string>> filesOf, IEnumerable<string> alsoRead)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in items.Select(item => item.Input).Concat(alsoRead))
        {
            // A link and what it leads to: replacing either loses what is read.
            read[RealPath.Of(file)] = file;
            read[RealPath.OfTarget(file)] = file;
        }
        var written = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var item in items)
        {
            foreach (var file in filesOf(item.Output))
            {
                if (Encoding.UTF8.GetByteCount(Path.GetFileName(file)) > LongestName) throw new ImageException($"the name '{Path.GetFileName(file)}', which would be written, is longer than {LongestName} bytes");
                var real = RealPath.Of(file);
                if (read.TryGetValue(real, out var lost)) throw new ImageException($"the output '{file}' would replace '{lost}', which is read");
                if (!written.TryAdd(real, item.Input)) throw new ImageException($"'{file}' would be written for '{written[real]}' and for '{item.Input}'");
            }
        }
    }

    /// <summary>The files that a set of images may be read from: those of a folder, an archive, or those that a glob names.</summary>
    /// <param name="data">A folder, a file or a glob.</param>
    public static IEnumerable<string> FilesOf(string data)
    {
        if (Directory.Exists(data)) return FolderSearch.Files(data, "*", recurse: true);
        var parent = Path.GetDirectoryName(data) is { Length: > 0 } named ? named : ".";
        return Path.GetFileName(data).AsSpan().ContainsAny('*', '?') && Directory.Exists(parent) ? FolderSearch.Files(parent, Path.GetFileName(data), recurse: false) : [data];
    }

    private static void Add(List<(string Path, string Name)> files, string root, IEnumerable<string> found, string what)
    {
        var before = files.Count;
        files.AddRange(found.Select(file => (file, Path.GetRelativePath(root, file))));
        if (files.Count == before) throw new ImageException($"there are no images in '{what}' (looked for {string.Join(", ", ImageFile.Extensions)})");
    }
}
