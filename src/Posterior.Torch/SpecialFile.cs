namespace Posterior.Torch;

/// <summary>Named pipes, devices and sockets, told apart before they are opened: opening a pipe waits until somebody writes to it, and no signal ends that.</summary>
public static class SpecialFile
{
    /// <summary>Whether what lies at a path may be one: it is there and has no size. An empty regular file looks the same, and no format that is read is empty.</summary>
    /// <param name="path">The path; links are followed.</param>
    /// <exception cref="IOException">What cannot be opened, for a reason that the system tells wrongly: a folder, a name that is not UTF-8, or links that form a circle.</exception>
    public static bool MayBe(string path)
    {
        if (!File.Exists(path))
        {
            // Opening it would fail for lack of permission, whatever the permissions are.
            if (Directory.Exists(path)) throw new IOException("it is a folder, not a file");
            // .NET lists names of other bytes with replacement characters, by which nothing is found.
            if (Path.GetFileName(path).Contains('\uFFFD')) throw new IOException("its name is not UTF-8, so it cannot be opened; rename it");
            return false;
        }
        // The size of a link is that of its text.
        var file = File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path);
        return file is FileInfo { Exists: true, Length: 0 };
    }
}
