using System.Diagnostics;
using System.Text.Json;
using Posterior.Oracles;
using Posterior.Torch.Weights;

namespace Posterior.Torch.Tests.Weights;

/// <summary>Damaged and hostile files: one clear error each, in seconds and little memory, and nothing executed.</summary>
[Trait("Category", "Oracle")]
public sealed class BadFileOracleTests
{
    private const string Folder = "checkpoints/bad";

    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(5);

    public static IEnumerable<object[]> Rows()
    {
        if (OracleFiles.Folder(Folder) is not { } folder)
            return [[OracleFiles.NoFiles, false]];
        using var expectations = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expectations.json")));
        return [.. expectations.RootElement.EnumerateObject().Select(row => new object[] { row.Name, row.Value.GetProperty("must_fail").GetBoolean() })];
    }

    [SkippableTheory]
    [MemberData(nameof(Rows))]
    public void Bad_file_is_refused_or_harmless(string name, bool mustFail)
    {
        var path = Path.Combine(OracleFiles.RequireFolder(Folder), name);
        var allowed = 256L * new FileInfo(path).Length + (32 << 20);
        using var empty = new TemporaryFolder();
        var places = new[] { Environment.CurrentDirectory, AppContext.BaseDirectory, Path.GetDirectoryName(path)!, empty.FullPath };
        var clock = Stopwatch.StartNew();
        var before = GC.GetAllocatedBytesForCurrentThread();

        var failure = Record.Exception(() => ReadEverything(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, allowed);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, _longest);
        Assert.All(places, place => Assert.False(File.Exists(Path.Combine(place, "PWNED")), $"the file ran a command in {place}"));
        if (failure is not null)
        {
            var refusal = Assert.IsType<WeightFileException>(failure);
            Assert.StartsWith(name + ": ", refusal.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refusal.Message);
        }

        Assert.True(failure is not null || !mustFail, $"{name} was read, it must be refused");
    }

    [SkippableTheory]
    [InlineData("exec_os_system.pt", "os.system")]
    [InlineData("exec_posix_system.pt", "posix.system")]
    [InlineData("exec_builtins_eval.pt", "builtins.eval")]
    [InlineData("exec_hidden_in_dict.pt", "os.system")]
    [InlineData("exec_legacy.pth", "os.system")]
    [InlineData("exec_plain_pickle.pt", "bare pickle")]
    [InlineData("exec_inst_opcode.pt", "os.system")]
    [InlineData("build_on_global.pt", "torch._utils._rebuild_tensor_v2")]
    [InlineData("unknown_storage_class.pt", "torch.EvilStorage")]
    [InlineData("html_error_page.pt", "web page")]
    [InlineData("big_endian.pt", "big")]
    [InlineData("missing_storage.pt", "data/0")]
    [InlineData("huge_shape_stride0.pt", "weight")]
    [InlineData("zip_bomb.pt", "out of proportion")]
    [InlineData("duplicate_keys.safetensors", "twice")]
    [InlineData("unknown_dtype.safetensors", "dtype")]
    public void Refusal_names_the_fault(string name, string fault)
    {
        var path = Path.Combine(OracleFiles.RequireFolder(Folder), name);
        Skip.IfNot(File.Exists(path), $"these oracles have no {name}");

        var refusal = Assert.Throws<WeightFileException>(() => ReadEverything(path));

        Assert.Contains(fault, refusal.Message, StringComparison.Ordinal);
    }

    private static void ReadEverything(string path)
    {
        using var file = WeightFile.Open(path);
        foreach (var entry in file.Entries)
        {
            entry.ReadBytes();
        }
    }
}
