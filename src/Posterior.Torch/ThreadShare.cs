namespace Posterior.Torch;

/// <summary>
/// Shares the cores among the processes of a user that evaluate networks side by side. Threads of one process wait for each other many times in an evaluation; with more of them
/// than cores they wait for the scheduler instead, and two processes slow each other tenfold. So each takes its part of the cores: it says in a folder that it is at work, counts who
/// else is, and changes its number of threads between evaluations. The files are locked as long as their processes live, so that one that was killed does not count.
/// </summary>
public static class ThreadShare
{
    private static readonly TimeSpan _period = TimeSpan.FromSeconds(2);
    private static readonly Lock _joining = new();

    private static FileStream? _own;
    private static Timer? _timer;
    private static string? _folder;
    private static int _cores, _wanted, _applied;

    /// <summary>Begins to share, from the next evaluation on. Until then, and in programs that do not call it, the number of threads is the caller's.</summary>
    /// <param name="folder">Where the processes meet; null for the user's own.</param>
    public static void Enable(string? folder = null)
    {
        // How many threads there are is asked at the first evaluation, because asking waits for libtorch.
        _cores = _applied = 0;
        _folder = folder ?? Path.Combine(Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime ? runtime : Path.GetTempPath(), $"posterior-{Environment.UserName}");
    }

    /// <summary>Ends the sharing; the number of threads is what it was before.</summary>
    public static void Disable()
    {
        lock (_joining)
        {
            if (_folder is null) return;
            _folder = null;
            _timer?.Dispose();
            _own?.Dispose();
            (_timer, _own, _wanted) = (null, null, 0);
            if (_cores > 0) Apply(_cores);
        }
    }

    /// <summary>The place between two evaluations: takes the number of threads that the last count gave.</summary>
    public static void Pass()
    {
        if (_folder is null) return;
        if (_cores == 0) _cores = _applied = TorchRuntime.Threads;
        if (_cores < 2) return;
        if (_timer is null) Join();
        if (Volatile.Read(ref _wanted) is > 0 and var wanted) Apply(wanted);
    }

    // Only the thread that evaluates may set its number; new threads of the pool do not know yet how to treat subnormal numbers.
    private static void Apply(int threads)
    {
        if (threads == _applied) return;
        TorchRuntime.Threads = threads;
        if (threads > _applied) TorchRuntime.FlushDenormals(true);
        _applied = threads;
    }

    private static void Join()
    {
        lock (_joining)
        {
            if (_timer is not null || _folder is not { } folder) return;
            try
            {
                if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
                else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                _own = new(Path.Combine(folder, Guid.NewGuid().ToString("n")), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
                Count(folder);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Somebody else's folder, or none to write to: this process works alone.
                _own?.Dispose();
                _own = null;
            }
            _timer = new(_ => Count(folder), null, _own is null ? Timeout.InfiniteTimeSpan : _period, _own is null ? Timeout.InfiniteTimeSpan : _period);
        }
    }

    private static void Count(string folder)
    {
        try
        {
            var others = Directory.GetFiles(folder).Count(file => file != _own?.Name && IsLocked(file));
            Volatile.Write(ref _wanted, Math.Max(1, _cores / (others + 1)));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Volatile.Write(ref _wanted, _cores);
        }
    }

    // A file that can be opened belongs to nobody any more.
    private static bool IsLocked(string file)
    {
        try
        {
            using var left = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
