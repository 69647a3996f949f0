using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Posterior.Torch;

/// <summary>
/// One ATen operator, found by name and called through libtorch's dispatcher, so that autograd and every device work.
/// A new operation of the engine is one static <see cref="Op"/> and one line that calls it.
/// </summary>
/// <param name="name">The operator's name, <c>aten::add</c>.</param>
/// <param name="overload">Its overload, <c>Tensor</c>; empty for the default one.</param>
public sealed unsafe class Op(string name, string overload = "")
{
    private const int MostResults = 16;
    private const int StackWords = 128;

    private nint _handle;

    /// <summary>Calls the operator and returns its only tensor.</summary>
    /// <exception cref="TorchException">libtorch refused the arguments or ran out of memory.</exception>
    public Tensor Call(params ReadOnlySpan<Value> arguments)
    {
        NativeValue result;
        Invoke(arguments, &result, 1);
        Debug.Assert(result.Tag == ValueTag.Tensor, "the operator returns a tensor");
        return new Tensor((nint)result.Pointer);
    }

    /// <summary>Calls the operator and returns all tensors among its results, lists flattened, absent ones as null.</summary>
    /// <param name="arguments">The arguments; missing trailing ones take the schema's defaults.</param>
    /// <exception cref="TorchException">libtorch refused the arguments or ran out of memory.</exception>
    public Tensor[] CallMany(params ReadOnlySpan<Value> arguments)
    {
        var capacity = MostResults;
        foreach (var argument in arguments)
            if (argument.Tag == ValueTag.TensorList) capacity += argument.ListLength;
        var results = new NativeValue[capacity];
        fixed (NativeValue* first = results)
        {
            var count = Invoke(arguments, first, capacity);
            var tensors = new Tensor[count];
            for (var i = 0; i < count; i++)
                if (first[i].Tag == ValueTag.Tensor && first[i].Pointer != null) tensors[i] = new Tensor((nint)first[i].Pointer);
            return tensors;
        }
    }

    /// <summary>Calls an operator that returns a number or a flag.</summary>
    /// <exception cref="TorchException">libtorch refused the arguments.</exception>
    public double CallNumber(params ReadOnlySpan<Value> arguments)
    {
        NativeValue result;
        Invoke(arguments, &result, 1);
        return result.Tag == ValueTag.Real ? result.Real : result.Integer;
    }

    private nint Find()
    {
        Native.Check(Native.pt_op_find(name, overload, out var found));
        return _handle = found;
    }

    private int Invoke(ReadOnlySpan<Value> arguments, NativeValue* results, int capacity)
    {
        var handle = _handle != 0 ? _handle : Find();
        var words = 0;
        foreach (ref readonly var argument in arguments) words += argument.ListLength;
        var lists = words <= StackWords ? stackalloc long[words] : new long[words];
        var natives = stackalloc NativeValue[arguments.Length];
        fixed (long* pinned = lists)
        {
            var next = pinned;
            var held = 0;
            try
            {
                for (; held < arguments.Length; held++) Marshal(in arguments[held], out natives[held], ref next);
                var count = capacity;
                Native.Check(Native.pt_op_call(handle, natives, arguments.Length, results, &count));
                return count;
            }
            finally
            {
                for (var i = 0; i < held; i++) Release(in arguments[i]);
            }
        }
    }

    private static void Marshal(in Value value, out NativeValue native, ref long* next)
    {
        native = default;
        native.Tag = value.Tag;
        native.Integer = value.Bits;
        switch (value.Reference)
        {
            case null:
                break;
            case Tensor tensor:
                native.Pointer = (void*)tensor.Borrow();
                break;
            case long[] integers:
                integers.CopyTo(new Span<long>(next, integers.Length));
                Place(ref native, integers.Length, ref next, integers.Length);
                break;
            case double[] reals:
                MemoryMarshal.Cast<double, long>(reals).CopyTo(new Span<long>(next, reals.Length));
                Place(ref native, reals.Length, ref next, reals.Length);
                break;
            case byte[] text:
                text.CopyTo(new Span<byte>(next, text.Length));
                Place(ref native, text.Length, ref next, (text.Length + 7) / 8);
                break;
            case Tensor?[] tensors:
                // A failure half-way must not leave references behind.
                for (var i = 0; i < tensors.Length; i++) next[i] = 0;
                for (var i = 0; i < tensors.Length; i++)
                {
                    try
                    {
                        next[i] = tensors[i]?.Borrow() ?? 0;
                    }
                    catch
                    {
                        for (var j = 0; j < i; j++) tensors[j]?.DangerousRelease();
                        throw;
                    }
                }
                Place(ref native, tensors.Length, ref next, tensors.Length);
                break;
        }
    }

    private static void Place(ref NativeValue native, int length, ref long* next, int words)
    {
        native.Length = length;
        native.Pointer = next;
        next += words;
    }

    private static void Release(in Value value)
    {
        if (value.Reference is Tensor tensor) tensor.DangerousRelease();
        else if (value.Reference is Tensor?[] tensors)
            foreach (var element in tensors) element?.DangerousRelease();
    }
}
