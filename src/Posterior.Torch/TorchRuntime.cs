namespace Posterior.Torch;

/// <summary>The libtorch in use: version, build, threads.</summary>
public static unsafe class TorchRuntime
{
    /// <summary>libtorch's version, as <c>1.13.0</c>.</summary>
    public static string Version => Native.Text(Native.pt_torch_version());

    /// <summary>How this libtorch was built and runs in parallel, as it describes itself.</summary>
    public static string Configuration => Native.Text(Native.pt_torch_config());

    /// <summary>
    /// How many libraries that libtorch names and does not use (OpenCV, ffmpeg and others of Debian's build) were kept out of this process by empty ones, which halves the time to load it.
    /// 0 unless the program asks for it with the runtime setting <c>Posterior.Torch.StandIns</c>, as the command line does: the real ones can then not be loaded later either.
    /// </summary>
    public static int StandIns => Native.StandIns;

    /// <summary>
    /// Begins to load libtorch on another thread. It takes some tenths of a second, and a program that knows that it will need it has other things to do first.
    /// What is wrong with it is thrown by the first use.
    /// </summary>
    public static void Preload() => ThreadPool.QueueUserWorkItem(_ => Native.Preload());

    /// <summary>The number of threads of one operation on the CPU.</summary>
    /// <exception cref="TorchException">The number is not positive.</exception>
    public static int Threads
    {
        get
        {
            Native.Check(Native.pt_threads(out var threads));
            return threads;
        }
        set
        {
            if (value < 1) throw new TorchException($"threads: expected 1 or more, found {value}");
            Native.Set(() => Native.Check(Native.pt_threads_set(value)));
        }
    }

    /// <summary>Treats subnormal numbers as zero: they cost a hundred times more and carry nothing that an image shows.</summary>
    public static void FlushDenormals(bool enabled) => Native.Set(() => Native.Check(Native.pt_flush_denormals(enabled ? 1 : 0)));

    /// <summary>Whether and how layers leave ATen for code of their own during inference on the CPU.</summary>
    public static FastPath FastPath => FastPath.Current;

    /// <summary>The memory of CPU tensors.</summary>
    public static TensorMemory Memory
    {
        get
        {
            Native.Check(Native.pt_memory_statistics(out var used, out var highest, out var cached));
            return new TensorMemory(used, highest, cached);
        }
    }

    /// <summary>Gives memory that is kept for new tensors back to the system and counts <see cref="TensorMemory.Peak"/> anew.</summary>
    public static void ReleaseMemory() => Native.Check(Native.pt_memory_trim());
}

/// <summary>The memory of CPU tensors, in bytes; -1 where libtorch's own allocator was asked for with <c>POSTERIOR_ALLOCATOR=system</c>.</summary>
/// <param name="Used">Of the tensors alive.</param>
/// <param name="Peak">The highest value of <paramref name="Used"/> so far.</param>
/// <param name="Cached">Freed by tensors and kept for new ones.</param>
public readonly record struct TensorMemory(long Used, long Peak, long Cached);
