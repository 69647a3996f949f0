using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Posterior.Models;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>One fact about the machine and the installation.</summary>
/// <param name="Name">What it is about.</param>
/// <param name="Value">What was found.</param>
/// <param name="Problem">What is wrong with it and what to do; null when nothing is.</param>
public sealed record MachineFact(string Name, string Value, string? Problem = null);

/// <summary>What is installed, and what is wrong with it.</summary>
public static class MachineReport
{
    private static readonly string[] _fastBlas = ["openblas", "mkl", "blis", "atlas"];

    /// <summary>Looks at the machine; takes about a second.</summary>
    public static IReadOnlyList<MachineFact> Collect()
    {
        var facts = new List<MachineFact>
        {
            new("posterior", Versions.Library),
            new(".NET", Environment.Version.ToString()),
            new("system", $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}"),
            new("processor", string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {ProcessorName()}")),
            Memory(),
        };
        try
        {
            facts.AddRange(Engine());
        }
        catch (Exception error) when (error is BridgeException or DllNotFoundException or EntryPointNotFoundException or TypeInitializationException or TorchException)
        {
            facts.Add(new("native bridge", "missing", $"the bridge libposterior.so cannot be loaded ({(error.InnerException ?? error).Message.Split('\n')[0].Trim()}); run './posterior doctor', which builds it"));
        }
        facts.AddRange(Models());
        return facts;
    }

    private static IEnumerable<MachineFact> Engine()
    {
        yield return new("libtorch", TorchRuntime.Version);
        if (TorchRuntime.StandIns is > 0 and var count) yield return new("stand-ins", string.Create(CultureInfo.InvariantCulture, $"{count} empty libraries for those that libtorch names and does not use"));
        yield return new("image library", ImageCodec.LibraryVersion);
        yield return Blas();
        var threads = TorchRuntime.Threads;
        yield return new("threads", threads.ToString(CultureInfo.InvariantCulture),
            threads == 1 && Environment.ProcessorCount > 1 && Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is null ? $"one thread of {Environment.ProcessorCount} cores is used; --threads sets another number" : null);
        var cuda = Device.CudaCount;
        yield return new("CUDA devices", cuda.ToString(CultureInfo.InvariantCulture), cuda == 0 && File.Exists("/proc/driver/nvidia/version") ? "this machine has an NVIDIA driver, but this libtorch was built without CUDA; build with LIBTORCH=DIR of one that has it" : null);
        var path = FastPath.Current;
        if (Variables() is { Length: > 0 } unknown) yield return new("variables", "ignored", string.Join("; ", unknown));
        yield return new("fast path", path.Reason, path is { Enabled: true, Convolution.Length: > 0 } ? null : "convolutions take ATen's slower path");
    }

    // What the bridge does not know, it does not take for anything.
    private static string[] Variables()
    {
        return [.. Unknown(FastPath.Variable, "aten", "direct"), .. Unknown("POSTERIOR_VECTOR", [.. FastPath.VectorVariants]), .. Unknown("POSTERIOR_ALLOCATOR", "system")];

        static IEnumerable<string> Unknown(string variable, params string[] values) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value && !values.Contains(value)
            ? [$"{variable} is '{value}', which means nothing here: expected {string.Join(" or ", values)}"] : [];
    }

    private static MachineFact Blas()
    {
        // The library that is mapped after a product is the one that is used, whatever the links say.
        using (var a = Tensor.Ones([64, 64])) a.MatMul(a).Dispose();
        var mapped = File.Exists("/proc/self/maps")
            ? File.ReadLines("/proc/self/maps").Select(line => line[(line.LastIndexOf(' ') + 1)..]).Where(file => Path.GetFileName(file).Contains("blas", StringComparison.OrdinalIgnoreCase) || file.Contains("mkl", StringComparison.OrdinalIgnoreCase)).Distinct().ToArray()
            : [];
        if (mapped.Length == 0) return new("BLAS", "inside libtorch");
        var fast = mapped.Any(file => _fastBlas.Any(name => file.Contains(name, StringComparison.OrdinalIgnoreCase)));
        var kernels = mapped.Select(OpenBlasKernels).FirstOrDefault(name => name is not null);
        if (kernels == "Prescott" && Avx2.IsSupported)
            return new("BLAS", string.Join(", ", mapped), "OpenBLAS does not know this processor and multiplies with code for old ones: set OPENBLAS_CORETYPE=Haswell, or SkylakeX where it has AVX-512");
        return new("BLAS", kernels is null ? string.Join(", ", mapped) : $"{string.Join(", ", mapped)}, code for {kernels}",
            fast ? null : "this is the reference BLAS, whose matrix products are many times slower: apt-get install libopenblas0-openmp, and update-alternatives --config libblas.so.3-x86_64-linux-gnu");
    }

    // What OpenBLAS chose for this processor when it was loaded; null for other libraries.
    private static unsafe string? OpenBlasKernels(string library) =>
        NativeLibrary.TryLoad(library, out var handle) && NativeLibrary.TryGetExport(handle, "openblas_get_corename", out var name)
            ? Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)name)())
            : null;

    private static IEnumerable<MachineFact> Models()
    {
        var models = ModelZoo.Inspect();
        yield return models.Count > 0
            ? new MachineFact("models", $"{string.Join(", ", models.Select(model => model.Name))} in {ModelZoo.Folder}")
            : new MachineFact("models", "none", "no weight files were found: the folder 'models' lies beside the program or above it, or POSTERIOR_MODELS names it");
        foreach (var model in models.Where(model => model.Problem is not null)) yield return new($"model {model.Name}", "damaged", model.Problem);
    }

    private static MachineFact Memory()
    {
        var bytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new("memory", string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GiB"), bytes < 2L << 30 ? "less than 2 GiB: large images need --tile" : null);
    }

    private static string ProcessorName()
    {
        const string key = "model name";
        return File.Exists("/proc/cpuinfo") && File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal)) is { } line
            ? line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()
            : "unknown model";
    }
}
