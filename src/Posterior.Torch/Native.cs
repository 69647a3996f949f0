using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Posterior.Torch.Nn;

namespace Posterior.Torch;

/// <summary>The C functions of <c>native/posterior.h</c>, one to one.</summary>
internal static unsafe partial class Native
{
    private const string Library = "posterior";

    private static readonly Lazy<nint> _library = new(Load), _images = new(LoadImages);
    private static readonly Lock _firstCall = new();
    private static List<Action>? _atFirstCall = [];

    static Native() => NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);

    [LibraryImport(Library)] public static partial byte* pt_error();
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] public static partial int pt_op_find(string name, string overload, out nint op);
    [LibraryImport(Library)] public static partial int pt_op_call(nint op, NativeValue* arguments, int argumentCount, NativeValue* results, int* count);
    [LibraryImport(Library)] public static partial int pt_tensor_new(void* data, long bytes, int dtype, long* shape, int rank, out nint tensor);
    [LibraryImport(Library)] public static partial int pt_tensor_free(nint tensor);
    [LibraryImport(Library)] public static partial int pt_tensor_alias(nint tensor, out nint alias);
    [LibraryImport(Library)] public static partial int pt_tensor_info(nint tensor, long* shape, long* strides, int capacity, out int rank, out int dtype, out int device);
    [LibraryImport(Library)] public static partial int pt_tensor_data(nint tensor, out void* data);
    [LibraryImport(Library)] public static partial int pt_tensor_read(nint tensor, void* data, long bytes);
    [LibraryImport(Library)] public static partial int pt_grad_mode(int enabled, out int previous);
    [LibraryImport(Library)] public static partial int pt_requires_grad_set(nint tensor, int value);
    [LibraryImport(Library)] public static partial int pt_requires_grad(nint tensor, out int value);
    [LibraryImport(Library)] public static partial int pt_backward(nint tensor, nint gradient, int retainGraph);
    [LibraryImport(Library)] public static partial int pt_grad(nint* outputs, nint* gradients, int outputCount, nint* inputs, int inputCount, int retainGraph, nint* results);
    [LibraryImport(Library)] public static partial int pt_tensor_grad(nint tensor, out nint gradient);
    [LibraryImport(Library)] public static partial int pt_tensor_grad_clear(nint tensor);
    [LibraryImport(Library)] public static partial int pt_threads_set(int threads);
    [LibraryImport(Library)] public static partial int pt_threads(out int threads);
    [LibraryImport(Library)] public static partial byte* pt_torch_version();
    [LibraryImport(Library)] public static partial byte* pt_torch_config();
    [LibraryImport(Library)] public static partial int pt_cuda_devices(out int count);
    [LibraryImport(Library)] public static partial int pt_flush_denormals(int enabled);

    [LibraryImport(Library)] public static partial int pt_convolution_new(nint weight, nint bias, long strideV, long strideH, long paddingV, long paddingH, long groups, out nint layer);
    [LibraryImport(Library)] public static partial int pt_convolution_free(nint layer);
    [LibraryImport(Library)] public static partial int pt_convolution_run(nint layer, nint x, nint residual, nint scale, nint shift, Activation activation, int overwrites, out nint result);
    [LibraryImport(Library)] public static partial int pt_convolution_record(nint layer, nint x, nint residual, out nint result);
    [LibraryImport(Library)] public static partial int pt_modulate(nint x, nint scale, nint shift, Activation activation, out nint result);
    [LibraryImport(Library)] public static partial int pt_convolution_run_beside(nint layer, nint x, nint beside, out nint result);
    [LibraryImport(Library)] public static partial int pt_linear_run(nint layer, nint x, nint residual, out nint result);
    [LibraryImport(Library)] public static partial byte* pt_convolution_library();
    [LibraryImport(Library)] public static partial int pt_resample(nint x, double* taps, int count, long border, int up, out nint result);
    [LibraryImport(Library)] public static partial int pt_group_norm(nint x, nint beside, long groups, nint weight, nint bias, double epsilon, nint scale, nint shift, Activation activation, int overwrites, out nint result);
    [LibraryImport(Library)] public static partial int pt_silu(nint x, out nint result);
    [LibraryImport(Library)] public static partial int pt_attention(nint q, nint k, nint v, out nint result);
    [LibraryImport(Library)] public static partial int pt_window_attention(nint qkv, long heads, long window, long shift, double scale, nint bias, nint mask, out nint result);
    [LibraryImport(Library)] public static partial int pt_lerp(nint x, nint y, double weight, out int done);
    [LibraryImport(Library)] public static partial int pt_matrix_product(nint a, nint b, out nint result);
    [LibraryImport(Library)] public static partial int pt_linear(nint x, nint weight, nint bias, nint residual, out nint result);
    [LibraryImport(Library)] public static partial int pt_rms_norm(nint x, nint gain, double epsilon, out nint result);
    [LibraryImport(Library)] public static partial int pt_gated_gelu(nint x, out nint result);
    [LibraryImport(Library)] public static partial int pt_rotary_attention(nint qkv, nint other, long heads, nint scale, nint share, nint cosines, nint sines, long* queries, long* keys, float* mask, long tiles, long tileQueries, long tileKeys, out nint result);
    [LibraryImport(Library)] public static partial int pt_stacked_product(nint x, nint matrices, long* rows, int transposed, out nint result);
    [LibraryImport(Library)] public static partial int pt_gated_mixture(nint x, nint y, nint map, nint gate, nint factor, double epsilon, out nint result);
    [LibraryImport(Library)] public static partial int pt_measured_mixture(nint x, nint matrices, long* rows, nint y, nint map, nint gate, nint factor, double epsilon, nint between, nint back, out nint result);
    [LibraryImport(Library)] public static partial byte* pt_vector_variant();
    [LibraryImport(Library)] public static partial byte* pt_vector_variants();
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] public static partial int pt_vector_variant_set(string name);
    [LibraryImport(Library)] public static partial int pt_has_fast_bfloat16();
    [LibraryImport(Library)] public static partial void pt_winograd_enable(int enabled);
    [LibraryImport(Library)] public static partial int pt_winograd_enabled();
    [LibraryImport(Library)] public static partial int pt_winograd_halves();
    [LibraryImport(Library)] public static partial int pt_memory_statistics(out long used, out long highest, out long cached);
    [LibraryImport(Library)] public static partial int pt_memory_trim();

    /// <summary>Throws the thread's last native error when <paramref name="status"/> is not zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(int status)
    {
        if (status != 0) Throw();
    }

    /// <summary>UTF-8 text at <paramref name="text"/>, zero-terminated.</summary>
    public static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static void Throw()
    {
        var message = Text(pt_error());
        var firstLine = message.AsSpan().Trim();
        var end = firstLine.IndexOf('\n');
        throw new TorchException(end < 0 ? firstLine.ToString() : firstLine[..end].ToString());
    }

    /// <summary>How many empty libraries stand in for those that libtorch names and does not use.</summary>
    public static int StandIns { get; private set; }

    /// <summary>Loads the bridge, and libtorch with it, if it can be loaded; what is wrong shows at the first call.</summary>
    public static void Preload()
    {
        try
        {
            _ = _library.Value;
        }
        catch (Exception error) when (error is BridgeException or BadImageFormatException)
        {
            // The first call throws it again.
        }
    }

    // The runtime asks for the library once for every function, not once in all.
    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name is not (Library or ImagesLibrary)) return 0;
        var library = name == Library ? _library.Value : _images.Value;
        List<Action>? settings;
        lock (_firstCall) (settings, _atFirstCall) = (_atFirstCall, null);
        if (settings is null) return library;
        // One thread a core, unless the environment says otherwise (a number, or a list of them whose first counts here; libtorch and OpenMP complain of anything else with each call). OpenMP keeps
        // the number by thread: this one calls, the one that loaded need not.
        if (!int.TryParse(Environment.GetEnvironmentVariable("OMP_NUM_THREADS")?.Split(',')[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var threads) || threads < 1)
            ((delegate* unmanaged<int, int>)NativeLibrary.GetExport(_library.Value, "pt_threads_set"))(ProcessorTopology.PhysicalCores);
        foreach (var setting in settings) setting();
        return library;
    }

    /// <summary>Makes a setting now, or, where nothing was called yet, in the thread of the first call: a setting alone does not wait for libtorch.</summary>
    public static void Set(Action setting)
    {
        lock (_firstCall)
        {
            if (_atFirstCall is not null)
            {
                _atFirstCall.Add(setting);
                return;
            }
        }
        setting();
    }

    // Empty libraries in place of those that libtorch names and does not use (native/standins.sh). They would be found by everything else in the
    // process too, so only a program that says so, as the command line does, takes them.
    private static void LoadStandIns(string folder)
    {
        if (!AppContext.TryGetSwitch("Posterior.Torch.StandIns", out var wanted) || !wanted || !Directory.Exists(folder)) return;
        StandIns = Directory.EnumerateFiles(folder).Count(file => NativeLibrary.TryLoad(file, out _));
    }

    private static string PathOf(string name) => Environment.GetEnvironmentVariable("POSTERIOR_NATIVE") is { } library ? Path.Combine(Path.GetDirectoryName(library) ?? "", name) : Path.Combine(AppContext.BaseDirectory, name);

    // OpenBLAS takes the processor for the oldest that it knows where it does not know the model, and products take five times as long (0.3.21 on the fifth generation of Xeons: 57 GFLOP/s,
    // 307 with this). On AMD's processors with AVX-512 this was not measured. It reads the variable when it is loaded; .NET's own variables are not seen by C.
    private static void ChooseBlas()
    {
        if (Avx512F.VL.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512CD.IsSupported && Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE") is null)
        {
            // Not by an imported function: another thread may be waiting for this library in the resolver of imports.
            var setenv = (delegate* unmanaged<byte*, byte*, int, int>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "setenv");
            fixed (byte* name = "OPENBLAS_CORETYPE\0"u8, value = "SkylakeX\0"u8) _ = setenv(name, value, 0);
        }
    }

    private static nint Load()
    {
        ChooseBlas();
        LoadStandIns(PathOf("standins"));
        return Load(Environment.GetEnvironmentVariable("POSTERIOR_NATIVE") ?? PathOf("libposterior.so"));
    }

    private static nint LoadImages()
    {
        // Before, because of the stand-ins.
        _ = _library.Value;
        return Load(PathOf("libposterior_images.so"));
    }

    private static nint Load(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException error)
        {
            throw new BridgeException($"the native bridge does not load from {path} ({error.Message.Split('\n')[0].Trim()}); './posterior doctor' builds what is missing");
        }
    }
}

/// <summary>The C struct <c>pt_value</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct NativeValue
{
    [FieldOffset(0)] public ValueTag Tag;
    [FieldOffset(4)] public int Length;
    [FieldOffset(8)] public long Integer;
    [FieldOffset(8)] public double Real;
    [FieldOffset(8)] public void* Pointer;
}

/// <summary>The tags of <c>pt_value</c>.</summary>
internal enum ValueTag
{
    None = 0,
    Tensor = 1,
    Integer = 2,
    Real = 3,
    Boolean = 4,
    IntegerList = 5,
    TensorList = 6,
    Text = 7,
    RealList = 8,
    Device = 9,
    BooleanList = 10,
}
