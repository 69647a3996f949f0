namespace Posterior.Cli.Tests;

/// <summary>What the program loads before it calculates.</summary>
public sealed class StartTests(Workspace workspace) : IClassFixture<Workspace>
{
    [SkippableFact]
    public void Libraries_that_libtorch_names_and_does_not_use_stay_out_of_the_process()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "standins");
        Skip.IfNot(Directory.Exists(folder), "this libtorch was built without needless libraries: there are no stand-ins");
        var names = Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file)).ToArray();
        Assert.NotEmpty(names);
        var run = ProgramRun.Of(workspace, [("LD_DEBUG", "files"), ("LD_DEBUG_OUTPUT", workspace.File("loader"))], ["doctor"]).Succeeded();
        Assert.Contains($"{names.Length} empty libraries", run.Output);
        var loaded = Directory.EnumerateFiles(workspace.Folder, "loader.*").SelectMany(File.ReadLines).Where(line => line.Contains("calling init: ", StringComparison.Ordinal)).Select(line => line[(line.IndexOf("init: ", StringComparison.Ordinal) + 6)..]).ToArray();
        Assert.Contains(loaded, file => file.Contains("libtorch_cpu", StringComparison.Ordinal));
        Assert.DoesNotContain(loaded, file => names.Contains(Path.GetFileName(file)) && !file.Contains("/standins/", StringComparison.Ordinal));
    }
}
