namespace Posterior.Torch.Tests;

public sealed class ThreadTests
{
    [Fact]
    public void Physical_cores_are_between_one_and_the_available_processors() =>
        Assert.InRange(ProcessorTopology.PhysicalCores, 1, Environment.ProcessorCount);

    [Fact]
    public void Threads_start_at_what_the_environment_says_or_one_a_core() =>
        Assert.Equal(int.TryParse(Environment.GetEnvironmentVariable("OMP_NUM_THREADS"), out var stated) ? stated : ProcessorTopology.PhysicalCores, TorchRuntime.Threads);
}
