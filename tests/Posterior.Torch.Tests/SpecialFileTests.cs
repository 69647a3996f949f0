using System.Diagnostics;

namespace Posterior.Torch.Tests;

public sealed class SpecialFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-special-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_with_content_is_none_and_nor_is_what_is_missing()
    {
        File.WriteAllText(At("file"), "content");
        File.CreateSymbolicLink(At("link"), At("file"));
        File.CreateSymbolicLink(At("dangling"), At("missing"));
        foreach (var name in new[] { "file", "link", "dangling", "missing" }) Assert.False(SpecialFile.MayBe(At(name)), name);
    }

    [Fact]
    public void A_pipe_a_device_and_an_empty_file_may_be_one_and_so_may_links_to_them()
    {
        using (var make = Process.Start("mkfifo", [At("pipe")])) make.WaitForExit();
        File.WriteAllText(At("empty"), "");
        foreach (var name in new[] { "pipe", "empty" }) File.CreateSymbolicLink(At("to-" + name), At(name));
        foreach (var path in new[] { At("pipe"), At("empty"), At("to-pipe"), At("to-empty"), "/dev/null" }) Assert.True(SpecialFile.MayBe(path), path);
    }

    [Fact]
    public void What_cannot_be_opened_is_told_with_the_true_reason()
    {
        Assert.Equal("it is a folder, not a file", Assert.Throws<IOException>(() => SpecialFile.MayBe(_folder)).Message);
        Assert.StartsWith("its name is not UTF-8", Assert.Throws<IOException>(() => SpecialFile.MayBe(At("caf\uFFFD"))).Message, StringComparison.Ordinal);
        // The character itself is a good name.
        File.WriteAllText(At("caf\uFFFD"), "content");
        Assert.False(SpecialFile.MayBe(At("caf\uFFFD")));
    }

    private string At(string name) => Path.Combine(_folder, name);
}
