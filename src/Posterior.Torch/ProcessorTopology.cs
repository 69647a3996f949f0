namespace Posterior.Torch;

/// <summary>The processor's cores. libtorch's own guess counts one in some virtual machines.</summary>
internal static class ProcessorTopology
{
    private const string Folder = "/sys/devices/system/cpu";

    /// <summary>The number of physical cores, or of processors that this process may use when that is less.</summary>
    public static int PhysicalCores
    {
        get
        {
            var available = Environment.ProcessorCount;
            try
            {
                // Processors of one core list the same siblings.
                var cores = Directory.EnumerateDirectories(Folder, "cpu*")
                    .Select(cpu => Path.Combine(cpu, "topology", "thread_siblings_list"))
                    .Where(File.Exists)
                    .Select(File.ReadAllText)
                    .Distinct(StringComparer.Ordinal)
                    .Count();
                return cores > 0 ? Math.Min(cores, available) : available;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return available;
            }
        }
    }
}
