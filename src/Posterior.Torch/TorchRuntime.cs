namespace Posterior.Torch;

/// <summary>The libtorch in use: version, build, threads.</summary>
public static unsafe class TorchRuntime
{
    /// <summary>libtorch's version, as <c>1.13.0</c>.</summary>
    public static string Version => Native.Text(Native.pt_torch_version());

    /// <summary>How this libtorch was built and runs in parallel, as it describes itself.</summary>
    public static string Configuration => Native.Text(Native.pt_torch_config());

    /// <summary>The number of threads of one operation on the CPU.</summary>
    /// <exception cref="TorchException">The number is not positive.</exception>
    public static int Threads
    {
        get
        {
            Native.Check(Native.pt_threads(out var threads));
            return threads;
        }
        set => Native.Check(Native.pt_threads_set(value));
    }

    /// <summary>Treats subnormal numbers as zero: they cost a hundred times more and carry nothing that an image shows.</summary>
    public static void FlushDenormals(bool enabled) => Native.Check(Native.pt_flush_denormals(enabled ? 1 : 0));
}
