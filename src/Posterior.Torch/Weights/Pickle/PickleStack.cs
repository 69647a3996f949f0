namespace Posterior.Torch.Weights.Pickle;

/// <summary>The stack of the pickle machine. What lies below the last mark is out of reach until the mark is gone.</summary>
internal sealed class PickleStack
{
    private readonly List<object?> _values = [];
    private readonly List<int> _marks = [];

    private int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    /// <summary>Puts a value on top.</summary>
    public void Push(object? value) => _values.Add(value);

    /// <summary>Puts a mark on top.</summary>
    public void Mark() => _marks.Add(_values.Count);

    /// <summary>The value on top, which stays there.</summary>
    public object? Peek() => _values.Count > Floor ? _values[^1] : throw new PickleFault("the stack is empty");

    /// <summary>Takes the value on top.</summary>
    public object? Pop()
    {
        var value = Peek();
        _values.RemoveAt(_values.Count - 1);
        return value;
    }

    /// <summary>Takes the topmost values, the lowest one first.</summary>
    public object?[] Pop(int count)
    {
        if (_values.Count - Floor < count)
            throw new PickleFault($"expected {count} values on the stack, found {_values.Count - Floor}");
        var start = _values.Count - count;
        var values = new object?[count];
        _values.CopyTo(start, values, 0, count);
        _values.RemoveRange(start, count);
        return values;
    }

    /// <summary>Takes all values above the last mark, and the mark.</summary>
    public object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw new PickleFault("expected a mark on the stack, found none");
        var values = Pop(_values.Count - Floor);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    /// <summary>Drops what is on top: a value, or a mark that has nothing above it.</summary>
    public void Drop()
    {
        if (_marks.Count > 0 && _values.Count == Floor)
            _marks.RemoveAt(_marks.Count - 1);
        else
            Pop();
    }
}
