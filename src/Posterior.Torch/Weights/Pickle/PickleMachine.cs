namespace Posterior.Torch.Weights.Pickle;

/// <summary>
/// A stack machine for Python's pickle format that only ever builds data. It has no recursion, so nesting costs memory and not stack;
/// every instruction allocates at most in proportion to its own bytes, so memory is bounded by the pickle's length.
/// </summary>
/// <param name="file">The file, for messages.</param>
/// <param name="persistentLoad">Turns a persistent id (how PyTorch refers to storages) into a value; null where none is expected.</param>
internal sealed class PickleMachine(MappedFile file, Func<object?, object?>? persistentLoad = null)
{
    /// <summary>The longest pickle that is read; those of real checkpoints hold names and shapes only.</summary>
    public const int LongestPickle = 1 << 28;

    private const int HighestProtocol = 5;

    private PickleStack _stack = new();
    private Dictionary<long, object?> _memo = [];
    private PickleCalls _calls = new(0);

    /// <summary>Runs one pickle to its STOP instruction.</summary>
    /// <param name="bytes">The pickle; more bytes may follow it.</param>
    /// <param name="consumed">Bytes up to and including STOP.</param>
    /// <exception cref="WeightFileException">The pickle is malformed, or refers to something that a weight file must not refer to.</exception>
    public object? Run(ReadOnlySpan<byte> bytes, out int consumed)
    {
        var reader = new PickleReader(file, bytes);
        _calls = new PickleCalls(bytes.Length);
        _stack = new PickleStack();
        _memo = [];
        try
        {
            while (true)
            {
                var opcode = (PickleOpcode)reader.Byte();
                if (opcode == PickleOpcode.Stop)
                    break;
                if (PickleScalars.TryRead(opcode, ref reader, out var scalar))
                    _stack.Push(scalar);
                else if (!Structure(opcode, ref reader))
                    throw new PickleFault($"unknown instruction 0x{(byte)opcode:x2}");
            }

            consumed = reader.Position;
            return _stack.Pop();
        }
        catch (PickleFault fault)
        {
            throw reader.Error(fault.Message);
        }
    }

    /// <summary>Instructions that move, combine or name values.</summary>
    private bool Structure(PickleOpcode opcode, ref PickleReader reader)
    {
        switch (opcode)
        {
            case PickleOpcode.Mark:
                _stack.Mark();
                break;
            case PickleOpcode.Pop:
                _stack.Drop();
                break;
            case PickleOpcode.PopMark:
                _stack.PopToMark();
                break;
            case PickleOpcode.Dup:
                _stack.Push(_stack.Peek());
                break;
            case PickleOpcode.EmptyTuple:
                _stack.Push(PickleTuple.Empty);
                break;
            case PickleOpcode.Tuple1:
                _stack.Push(new PickleTuple(_stack.Pop(1)));
                break;
            case PickleOpcode.Tuple2:
                _stack.Push(new PickleTuple(_stack.Pop(2)));
                break;
            case PickleOpcode.Tuple3:
                _stack.Push(new PickleTuple(_stack.Pop(3)));
                break;
            case PickleOpcode.Tuple:
                _stack.Push(new PickleTuple(_stack.PopToMark()));
                break;
            case PickleOpcode.EmptyList:
                _stack.Push(new PickleList());
                break;
            case PickleOpcode.List:
                var list = new PickleList();
                list.AddRange(_stack.PopToMark());
                _stack.Push(list);
                break;
            case PickleOpcode.EmptyDict:
                _stack.Push(new PickleDict());
                break;
            case PickleOpcode.Dict:
                var dictionary = new PickleDict();
                SetItems(dictionary, _stack.PopToMark());
                _stack.Push(dictionary);
                break;
            case PickleOpcode.EmptySet:
                _stack.Push(new PickleSet());
                break;
            case PickleOpcode.FrozenSet:
                var set = new PickleSet();
                set.Items.AddRange(_stack.PopToMark());
                _stack.Push(set);
                break;
            case PickleOpcode.Append:
                Append(_stack.Pop(1));
                break;
            case PickleOpcode.Appends or PickleOpcode.AddItems:
                Append(_stack.PopToMark());
                break;
            case PickleOpcode.SetItem:
                var pair = _stack.Pop(2);
                SetItems(_stack.Peek(), pair);
                break;
            case PickleOpcode.SetItems:
                var pairs = _stack.PopToMark();
                SetItems(_stack.Peek(), pairs);
                break;
            case PickleOpcode.Get:
                _stack.Push(Remembered(reader.IndexLine()));
                break;
            case PickleOpcode.BinGet:
                _stack.Push(Remembered(reader.Byte()));
                break;
            case PickleOpcode.LongBinGet:
                _stack.Push(Remembered(reader.UInt32()));
                break;
            case PickleOpcode.Put:
                _memo[reader.IndexLine()] = _stack.Peek();
                break;
            case PickleOpcode.BinPut:
                _memo[reader.Byte()] = _stack.Peek();
                break;
            case PickleOpcode.LongBinPut:
                _memo[reader.UInt32()] = _stack.Peek();
                break;
            case PickleOpcode.Memoize:
                _memo[_memo.Count] = _stack.Peek();
                break;
            case PickleOpcode.PersistentId:
                _stack.Push(Persistent(PickleText.Latin1(reader.Line())));
                break;
            case PickleOpcode.BinPersistentId:
                _stack.Push(Persistent(_stack.Pop()));
                break;
            case PickleOpcode.Global:
                _stack.Push(Global(ref reader));
                break;
            case PickleOpcode.StackGlobal:
                _stack.Push(_stack.Pop(2) is [string module, string name] ? Global(module, name) : throw new PickleFault("expected a module and a name"));
                break;
            case PickleOpcode.Reduce:
                var call = _stack.Pop(2);
                _stack.Push(_calls.Call(call[0], Arguments(call[1])));
                break;
            case PickleOpcode.NewObj:
                var made = _stack.Pop(2);
                _stack.Push(_calls.New(made[0], Arguments(made[1])));
                break;
            case PickleOpcode.NewObjEx:
                var extended = _stack.Pop(3);
                _stack.Push(_calls.New(extended[0], Arguments(extended[1])));
                break;
            case PickleOpcode.Inst:
                var type = Global(ref reader);
                _stack.Push(_calls.Call(type, new PickleTuple(_stack.PopToMark())));
                break;
            case PickleOpcode.Obj:
                var parts = _stack.PopToMark();
                if (parts is not [var callee, .. var arguments])
                    throw new PickleFault("expected a class above the mark");
                _stack.Push(_calls.Call(callee, new PickleTuple(arguments)));
                break;
            case PickleOpcode.Build:
                _stack.Pop();
                PickleCalls.Build(_stack.Peek());
                break;
            case PickleOpcode.Protocol:
                if (reader.Byte() is > HighestProtocol and var protocol)
                    throw new PickleFault($"protocol {protocol} is not known, expected at most {HighestProtocol}");
                break;
            case PickleOpcode.Frame:
                reader.UInt64();
                break;
            case PickleOpcode.Extension1 or PickleOpcode.Extension2 or PickleOpcode.Extension4:
                throw new PickleFault("refers to Python's extension registry, which has no place in a weight file");
            case PickleOpcode.NextBuffer or PickleOpcode.ReadOnlyBuffer:
                throw new PickleFault("refers to data outside the pickle, which has no place in a weight file");
            default:
                return false;
        }

        return true;
    }

    private void Append(object?[] items)
    {
        switch (_stack.Peek())
        {
            case PickleList list:
                list.AddRange(items);
                break;
            case PickleSet set:
                set.Items.AddRange(items);
                break;
            case OpaqueValue:
                break;
            case var other:
                throw new PickleFault($"appends to {PickleCalls.Describe(other)}, expected a list");
        }
    }

    private static void SetItems(object? target, object?[] items)
    {
        if (items.Length % 2 != 0)
            throw new PickleFault("expected a value for each key");
        if (target is OpaqueValue)
            return;
        if (target is not PickleDict dictionary)
            throw new PickleFault($"sets items of {PickleCalls.Describe(target)}, expected a dictionary");
        for (var i = 0; i < items.Length; i += 2)
        {
            dictionary.Add(items[i], items[i + 1]);
        }
    }

    private object? Remembered(long index)
        => _memo.TryGetValue(index, out var value) ? value : throw new PickleFault($"memo {index} was never stored");

    private object? Persistent(object? id)
        => persistentLoad is null ? throw new PickleFault("holds a persistent id, expected none here") : persistentLoad(id);

    private static PickleTuple Arguments(object? value)
        => value as PickleTuple ?? throw new PickleFault($"expected a tuple of arguments, found {PickleCalls.Describe(value)}");

    private static PickleGlobal Global(ref PickleReader reader)
        => PickleText.TryUtf8(reader.Line(), out var module) && PickleText.TryUtf8(reader.Line(), out var name)
            ? Global(module, name)
            : throw new PickleFault("expected a module and a name");

    private static PickleGlobal Global(string module, string name)
    {
        var (global, refusal) = PickleGlobals.Resolve(module, name);
        return global ?? throw new PickleFault(refusal ?? "refers to an unknown name");
    }
}
