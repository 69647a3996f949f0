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

    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private PickleCalls _calls = new(0);

    /// <summary>The first stack slot above the last mark: what lies below is out of reach for ordinary instructions.</summary>
    private int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    /// <summary>Runs one pickle to its STOP instruction.</summary>
    /// <param name="bytes">The pickle; more bytes may follow it.</param>
    /// <param name="consumed">Bytes up to and including STOP.</param>
    /// <exception cref="WeightFileException">The pickle is malformed, or refers to something that a weight file must not refer to.</exception>
    public object? Run(ReadOnlySpan<byte> bytes, out int consumed)
    {
        var reader = new PickleReader(file, bytes);
        _calls = new PickleCalls(bytes.Length);
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        try
        {
            while (true)
            {
                var opcode = (PickleOpcode)reader.Byte();
                if (opcode == PickleOpcode.Stop)
                    break;
                if (!Scalar(opcode, ref reader) && !Structure(opcode, ref reader))
                    throw new PickleFault($"unknown instruction 0x{(byte)opcode:x2}");
            }

            consumed = reader.Position;
            return Pop();
        }
        catch (PickleFault fault)
        {
            throw reader.Error(fault.Message);
        }
    }

    /// <summary>Instructions that push one scalar, or carry no data.</summary>
    private bool Scalar(PickleOpcode opcode, ref PickleReader reader)
    {
        switch (opcode)
        {
            case PickleOpcode.None:
                Push(null);
                break;
            case PickleOpcode.NewTrue:
                Push(true);
                break;
            case PickleOpcode.NewFalse:
                Push(false);
                break;
            case PickleOpcode.BinInt1:
                Push((long)reader.Byte());
                break;
            case PickleOpcode.BinInt2:
                Push((long)reader.UInt16());
                break;
            case PickleOpcode.BinInt:
                Push((long)reader.Int32());
                break;
            case PickleOpcode.Int:
                Push(reader.DecimalLine(allowBooleans: true));
                break;
            case PickleOpcode.Long:
                Push(reader.DecimalLine(allowBooleans: false));
                break;
            case PickleOpcode.Long1:
                Push(reader.Integer(reader.Byte()));
                break;
            case PickleOpcode.Long4:
                Push(reader.Integer(reader.SignedLength()));
                break;
            case PickleOpcode.Float:
                Push(reader.DoubleLine());
                break;
            case PickleOpcode.BinFloat:
                Push(reader.Double());
                break;
            case PickleOpcode.ShortBinUnicode:
                Push(reader.Utf8(reader.Byte()));
                break;
            case PickleOpcode.BinUnicode:
                Push(reader.Utf8(reader.UInt32()));
                break;
            case PickleOpcode.BinUnicode8:
                Push(reader.Utf8(reader.UInt64()));
                break;
            case PickleOpcode.ShortBinString:
                Push(reader.ByteString(reader.Byte()));
                break;
            case PickleOpcode.BinString:
                Push(reader.ByteString(reader.SignedLength()));
                break;
            case PickleOpcode.String:
                Push(PickleText.Quoted(reader.Line()) ?? throw new PickleFault("expected a quoted string"));
                break;
            case PickleOpcode.Unicode:
                Push(PickleText.RawUnicode(reader.Line()) ?? throw new PickleFault("expected escaped Unicode text"));
                break;
            case PickleOpcode.ShortBinBytes:
                Push(reader.Take(reader.Byte()).ToArray());
                break;
            case PickleOpcode.BinBytes:
                Push(reader.Take(reader.UInt32()).ToArray());
                break;
            case PickleOpcode.BinBytes8 or PickleOpcode.ByteArray8:
                Push(reader.Take(reader.UInt64()).ToArray());
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

    /// <summary>Instructions that move, combine or name values.</summary>
    private bool Structure(PickleOpcode opcode, ref PickleReader reader)
    {
        switch (opcode)
        {
            case PickleOpcode.Mark:
                _marks.Add(_stack.Count);
                break;
            case PickleOpcode.Pop:
                // Above a mark there may be nothing left to drop: then it drops the mark.
                if (_marks.Count > 0 && _stack.Count == Floor)
                    _marks.RemoveAt(_marks.Count - 1);
                else
                    Pop();
                break;
            case PickleOpcode.PopMark:
                PopToMark();
                break;
            case PickleOpcode.Dup:
                Push(Peek());
                break;
            case PickleOpcode.EmptyTuple:
                Push(PickleTuple.Empty);
                break;
            case PickleOpcode.Tuple1:
                Push(new PickleTuple(PopMany(1)));
                break;
            case PickleOpcode.Tuple2:
                Push(new PickleTuple(PopMany(2)));
                break;
            case PickleOpcode.Tuple3:
                Push(new PickleTuple(PopMany(3)));
                break;
            case PickleOpcode.Tuple:
                Push(new PickleTuple(PopToMark()));
                break;
            case PickleOpcode.EmptyList:
                Push(new PickleList());
                break;
            case PickleOpcode.List:
                var list = new PickleList();
                list.AddRange(PopToMark());
                Push(list);
                break;
            case PickleOpcode.EmptyDict:
                Push(new PickleDict());
                break;
            case PickleOpcode.Dict:
                var dictionary = new PickleDict();
                SetItems(dictionary, PopToMark());
                Push(dictionary);
                break;
            case PickleOpcode.EmptySet:
                Push(new PickleSet());
                break;
            case PickleOpcode.FrozenSet:
                var set = new PickleSet();
                set.Items.AddRange(PopToMark());
                Push(set);
                break;
            case PickleOpcode.Append:
                Append(PopMany(1));
                break;
            case PickleOpcode.Appends or PickleOpcode.AddItems:
                Append(PopToMark());
                break;
            case PickleOpcode.SetItem:
                var pair = PopMany(2);
                SetItems(Peek(), pair);
                break;
            case PickleOpcode.SetItems:
                var pairs = PopToMark();
                SetItems(Peek(), pairs);
                break;
            case PickleOpcode.Get:
                Push(Remembered(reader.IndexLine()));
                break;
            case PickleOpcode.BinGet:
                Push(Remembered(reader.Byte()));
                break;
            case PickleOpcode.LongBinGet:
                Push(Remembered(reader.UInt32()));
                break;
            case PickleOpcode.Put:
                _memo[reader.IndexLine()] = Peek();
                break;
            case PickleOpcode.BinPut:
                _memo[reader.Byte()] = Peek();
                break;
            case PickleOpcode.LongBinPut:
                _memo[reader.UInt32()] = Peek();
                break;
            case PickleOpcode.Memoize:
                _memo[_memo.Count] = Peek();
                break;
            case PickleOpcode.PersistentId:
                Push(Persistent(PickleText.Latin1(reader.Line())));
                break;
            case PickleOpcode.BinPersistentId:
                Push(Persistent(Pop()));
                break;
            case PickleOpcode.Global:
                Push(Global(ref reader));
                break;
            case PickleOpcode.StackGlobal:
                Push(PopMany(2) is [string module, string name] ? Global(module, name) : throw new PickleFault("expected a module and a name"));
                break;
            case PickleOpcode.Reduce:
                var call = PopMany(2);
                Push(_calls.Call(call[0], Arguments(call[1])));
                break;
            case PickleOpcode.NewObj:
                var made = PopMany(2);
                Push(_calls.New(made[0], Arguments(made[1])));
                break;
            case PickleOpcode.NewObjEx:
                var extended = PopMany(3);
                Push(_calls.New(extended[0], Arguments(extended[1])));
                break;
            case PickleOpcode.Inst:
                var type = Global(ref reader);
                Push(_calls.Call(type, new PickleTuple(PopToMark())));
                break;
            case PickleOpcode.Obj:
                var parts = PopToMark();
                if (parts is not [var callee, .. var arguments])
                    throw new PickleFault("expected a class above the mark");
                Push(_calls.Call(callee, new PickleTuple(arguments)));
                break;
            case PickleOpcode.Build:
                Pop();
                PickleCalls.Build(Peek());
                break;
            default:
                return false;
        }

        return true;
    }

    private void Push(object? value) => _stack.Add(value);

    private object? Peek() => _stack.Count > Floor ? _stack[^1] : throw new PickleFault("the stack is empty");

    private object? Pop()
    {
        var value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object?[] PopMany(int count)
    {
        if (_stack.Count - Floor < count)
            throw new PickleFault($"expected {count} values on the stack, found {_stack.Count - Floor}");
        var values = _stack.GetRange(_stack.Count - count, count).ToArray();
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw new PickleFault("expected a mark on the stack, found none");
        var values = PopMany(_stack.Count - Floor);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    private void Append(object?[] items)
    {
        switch (Peek())
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
