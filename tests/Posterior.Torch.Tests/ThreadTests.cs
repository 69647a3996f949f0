namespace Posterior.Torch.Tests;

public sealed class ThreadTests
{
    [Fact]
    public void Physical_cores_are_between_one_and_the_available_processors() =>
        Assert.InRange(ProcessorTopology.PhysicalCores, 1, Environment.ProcessorCount);

    [Fact]
    public void Threads_start_at_what_the_environment_says_or_one_a_core() =>
        Assert.Equal(int.TryParse(Environment.GetEnvironmentVariable("OMP_NUM_THREADS"), out var stated) ? stated : ProcessorTopology.PhysicalCores, TorchRuntime.Threads);

    [Fact]
    public void A_number_of_threads_stays_when_functions_are_called_for_the_first_time()
    {
        var before = TorchRuntime.Threads;
        try
        {
            TorchRuntime.Threads = before + 1;
            // Hardly anything else asks for these.
            _ = TorchRuntime.Configuration;
            _ = FastPath.VectorVariants;
            using var scope = new Scope();
            Assert.Null(Tensor.Ones([1]).Grad());
            Assert.Equal(before + 1, TorchRuntime.Threads);
        }
        finally
        {
            TorchRuntime.Threads = before;
        }
    }

    [Fact]
    public void Processes_side_by_side_share_the_cores_and_one_that_is_gone_does_not_count()
    {
        var (before, folder) = (TorchRuntime.Threads, Directory.CreateTempSubdirectory("posterior-share-").FullName);
        try
        {
            TorchRuntime.Threads = 4;
            File.WriteAllText(Path.Combine(folder, "killed"), "");
            using (new FileStream(Path.Combine(folder, "working"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
            {
                ThreadShare.Enable(folder);
                Assert.Equal(4, TorchRuntime.Threads);
                ThreadShare.Pass();
                Assert.Equal(2, TorchRuntime.Threads);
                Assert.False(File.Exists(Path.Combine(folder, "killed")));
            }
            for (var wait = 0; TorchRuntime.Threads != 4 && wait < 100; wait++)
            {
                Thread.Sleep(100);
                ThreadShare.Pass();
            }
            Assert.Equal(4, TorchRuntime.Threads);
            ThreadShare.Disable();
            Assert.DoesNotContain(Directory.GetFiles(folder), file => !file.EndsWith("working", StringComparison.Ordinal));
        }
        finally
        {
            ThreadShare.Disable();
            TorchRuntime.Threads = before;
            Directory.Delete(folder, recursive: true);
        }
    }
}
