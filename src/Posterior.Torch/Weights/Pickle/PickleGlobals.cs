using System.Collections.Frozen;

namespace Posterior.Torch.Weights.Pickle;

/// <summary>
/// Decides what a pickle may refer to. The few names that tensors need have a role. Any other name is at most inert text; names that have no
/// place in a weight file, above all those through which Python runs code, are refused, so that a hostile file is reported instead of read.
/// </summary>
internal static class PickleGlobals
{
    private const int LongestName = 512;

    private static readonly FrozenDictionary<string, PickleGlobal> _known =
        Known().ToFrozenDictionary(known => known.FullName, StringComparer.Ordinal);

    /// <summary>
    /// Python modules (and a few functions) that reach the file system, processes, the network, the interpreter or other pickles.
    /// </summary>
    private static readonly FrozenSet<string> _refusedModules = FrozenSet.ToFrozenSet(
        [
            "os", "posix", "nt", "_posixsubprocess", "subprocess", "_winapi", "commands", "popen2", "pty", "sys", "shutil", "tempfile",
            "glob", "fileinput", "linecache", "io", "_io", "mmap", "fcntl", "resource", "signal", "socket", "_socket", "ssl", "select",
            "asyncio", "urllib", "urllib2", "http", "httplib", "ftplib", "smtplib", "telnetlib", "xmlrpc", "requests", "aiohttp",
            "webbrowser", "runpy", "importlib", "imp", "pkgutil", "zipimport", "pip", "setuptools", "distutils", "ensurepip", "venv",
            "site", "code", "codeop", "codecs", "_codecs", "compileall", "py_compile", "types", "inspect", "gc", "ctypes", "_ctypes",
            "cffi", "operator", "_operator", "pickle", "_pickle", "cPickle", "pickletools", "marshal", "shelve", "dill", "cloudpickle",
            "joblib", "multiprocessing", "concurrent", "threading", "_thread", "thread", "bdb", "pdb", "cProfile", "profile", "timeit",
            "trace", "tkinter", "idlelib", "lib2to3", "sqlite3", "builtins", "__builtin__", "__builtins__", "eval", "exec", "compile",
            "getattr", "system", "popen",
        ],
        StringComparer.Ordinal);

    private static readonly string[] _refusedTorch =
        ["torch._C.", "torch.utils.", "torch.hub.", "torch.serialization.", "torch._inductor.", "torch._dynamo."];

    /// <summary>The built-in classes that plain data may name; every other built-in, such as eval or open, is refused.</summary>
    private static readonly FrozenSet<string> _plainBuiltins = FrozenSet.ToFrozenSet(
        ["int", "long", "float", "bool", "str", "unicode", "complex", "object", "list", "tuple", "bytearray", "slice", "range", "xrange", "NoneType"],
        StringComparer.Ordinal);

    /// <summary>Resolves a reference; the message of a refusal names it.</summary>
    /// <returns>The meaning, or the reason why the reference is refused.</returns>
    public static (PickleGlobal? Global, string? Refusal) Resolve(string module, string name)
    {
        if (module.Length + name.Length > LongestName)
            return (null, $"refers to a name of {module.Length + name.Length} characters, expected at most {LongestName}");
        var full = $"{module}.{name}";
        if (_known.TryGetValue(full, out var known))
            return (known, null);
        if (module is "builtins" or "__builtin__" && _plainBuiltins.Contains(name))
            return (new PickleGlobal(full, GlobalRole.Unknown), null);
        if (full.StartsWith("torch._utils._rebuild", StringComparison.Ordinal) || full.StartsWith("torch._tensor._rebuild", StringComparison.Ordinal))
            return (null, $"builds a tensor with '{full}', which is not supported");
        if (IsRefused(module, name) || IsRefusedTorch(full))
            return (null, $"refers to '{full}', which has no place in a weight file; nothing was executed");
        return (new PickleGlobal(full, GlobalRole.Unknown), null);
    }

    /// <summary>Checks the outermost module, and every part of the name: protocol 4 allows <c>torch</c> with <c>os.system</c>.</summary>
    private static bool IsRefused(string module, string name)
        => _refusedModules.Contains(module.Split('.')[0])
            || name.Split('.').Any(part => _refusedModules.Contains(part) || part.StartsWith("__", StringComparison.Ordinal));

    /// <summary>The parts of torch that load or run further code.</summary>
    private static bool IsRefusedTorch(string full)
        => full is "torch.load" or "torch.jit.load" or "torch.storage._load_from_bytes"
            || _refusedTorch.Any(prefix => full.StartsWith(prefix, StringComparison.Ordinal));

    private static IEnumerable<PickleGlobal> Known()
    {
        (string Storage, DType Type, string[] Names)[] types =
        [
            ("Byte", DType.UInt8, ["uint8"]),
            ("Char", DType.Int8, ["int8"]),
            ("Short", DType.Int16, ["int16", "short"]),
            ("Int", DType.Int32, ["int32", "int"]),
            ("Long", DType.Int64, ["int64", "long"]),
            ("Half", DType.Float16, ["float16", "half"]),
            ("Float", DType.Float32, ["float32", "float"]),
            ("Double", DType.Float64, ["float64", "double"]),
            ("ComplexFloat", DType.Complex64, ["complex64", "cfloat"]),
            ("ComplexDouble", DType.Complex128, ["complex128", "cdouble"]),
            ("Bool", DType.Bool, ["bool"]),
            ("BFloat16", DType.BFloat16, ["bfloat16"]),
        ];
        foreach (var (storage, type, names) in types)
        {
            yield return new($"torch.{storage}Storage", GlobalRole.Storage, type);
            yield return new($"torch.cuda.{storage}Storage", GlobalRole.Storage, type);
            foreach (var name in names)
            {
                yield return new($"torch.{name}", GlobalRole.ElementType, type);
            }
        }

        // Element types that the engine lacks may still be named in a configuration.
        foreach (var name in (string[])["quint8", "qint8", "qint32", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "complex32"])
        {
            yield return new($"torch.{name}", GlobalRole.ElementType);
        }

        yield return new("torch.UntypedStorage", GlobalRole.UntypedStorage);
        yield return new("torch.storage.UntypedStorage", GlobalRole.UntypedStorage);
        yield return new("torch.Size", GlobalRole.Size);
        yield return new("torch.device", GlobalRole.Device);
        yield return new("torch._utils._rebuild_tensor", GlobalRole.RebuildTensor);
        yield return new("torch._utils._rebuild_tensor_v2", GlobalRole.RebuildTensorV2);
        yield return new("torch._utils._rebuild_tensor_v3", GlobalRole.RebuildTensorV3);
        yield return new("torch._utils._rebuild_parameter", GlobalRole.RebuildParameter);
        yield return new("torch._utils._rebuild_parameter_with_state", GlobalRole.RebuildParameter);
        yield return new("torch._tensor._rebuild_from_type_v2", GlobalRole.RebuildFromType);
        yield return new("collections.OrderedDict", GlobalRole.Dictionary);
        yield return new("collections.Counter", GlobalRole.Dictionary);
        yield return new("collections.defaultdict", GlobalRole.DefaultDictionary);
        yield return new("_codecs.encode", GlobalRole.Encode);
        foreach (var module in (string[])["builtins", "__builtin__"])
        {
            yield return new($"{module}.dict", GlobalRole.Dictionary);
            yield return new($"{module}.set", GlobalRole.Set);
            yield return new($"{module}.frozenset", GlobalRole.Set);
            yield return new($"{module}.bytes", GlobalRole.Bytes);
        }
    }
}
