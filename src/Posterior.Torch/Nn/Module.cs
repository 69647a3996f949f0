namespace Posterior.Torch.Nn;

/// <summary>
/// A part of a network: named tensors and named child modules. Names joined with dots are the keys of the published checkpoints.
/// </summary>
public abstract class Module : IDisposable
{
    private readonly List<(string Name, Tensor Tensor, TensorRole Role)> _tensors = [];
    private readonly List<(string Name, Module Module)> _children = [];

    /// <summary>The trained tensors with their dotted names, in order of registration.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> NamedParameters => Walk("", role => role == TensorRole.Parameter);

    /// <summary>The trained tensors and the constant ones (buffers) with their dotted names.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> NamedTensors => Walk("", _ => true);

    /// <summary>The names of constant tensors that keep their type when the module is converted: in half precision they would lose digits that matter.</summary>
    public IEnumerable<string> ExactNames => Walk("", role => role == TensorRole.ExactBuffer).Select(named => named.Name);

    /// <summary>The trained tensors.</summary>
    public IEnumerable<Tensor> Parameters => NamedParameters.Select(named => named.Tensor);

    /// <summary>The number of trained numbers.</summary>
    public long ParameterCount => Parameters.Sum(parameter => parameter.Count);

    /// <summary>The child modules with their names.</summary>
    public IReadOnlyList<(string Name, Module Module)> Children => _children;

    /// <summary>The number format of the trained tensors, <see cref="DType.Float32"/> for a module without any.</summary>
    public DType DType => Parameters.FirstOrDefault()?.DType ?? DType.Float32;

    /// <summary>Copies tensors of a checkpoint into this module, converted to its types.</summary>
    /// <param name="tensors">The checkpoint's tensors by dotted name. They stay the caller's.</param>
    /// <param name="prefix">What every name of the checkpoint begins with.</param>
    /// <exception cref="StateDictException">Names are missing or unexpected, or shapes differ; the message lists them.</exception>
    public void LoadState(IReadOnlyDictionary<string, Tensor> tensors, string prefix = "")
    {
        List<string> missing = [], misshapen = [];
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, target) in NamedTensors)
        {
            expected.Add(prefix + name);
            if (!tensors.TryGetValue(prefix + name, out var source)) missing.Add(prefix + name);
            else if (!source.Shape.SequenceEqual(target.Shape)) misshapen.Add($"{prefix + name} (expected [{string.Join(", ", target.Shape.ToArray())}], found [{string.Join(", ", source.Shape.ToArray())}])");
        }
        var unexpected = tensors.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal) && !expected.Contains(key)).ToList();
        if (missing.Count + misshapen.Count + unexpected.Count > 0) throw new StateDictException(missing, unexpected, misshapen);
        using var noGrad = new NoGrad();
        foreach (var (name, target) in NamedTensors) target.CopyFrom(tensors[prefix + name]);
        WeightsChanged();
    }

    /// <summary>As <see cref="LoadState"/>, but tensors that the checkpoint lacks keep what they are: a network grown by layers starts from a smaller one.</summary>
    /// <param name="tensors">The checkpoint's tensors by dotted name. They stay the caller's.</param>
    /// <returns>The names that the checkpoint lacks.</returns>
    /// <exception cref="StateDictException">No name fits, names are unexpected, or shapes differ.</exception>
    public virtual IReadOnlyList<string> LoadPart(IReadOnlyDictionary<string, Tensor> tensors)
    {
        var own = NamedTensors.ToDictionary(pair => pair.Name, pair => pair.Tensor, StringComparer.Ordinal);
        string[] lacking = [.. own.Keys.Where(name => !tensors.ContainsKey(name))];
        LoadState(lacking.Length == own.Count ? tensors : tensors.Concat(lacking.Select(name => KeyValuePair.Create(name, own[name]))).ToDictionary(StringComparer.Ordinal));
        return lacking;
    }

    /// <summary>Converts the parameters and the floating-point buffers whose digits do not matter to another type.</summary>
    public void To(DType dtype) => Replace((tensor, role) => role != TensorRole.ExactBuffer && tensor.DType.IsFloatingPoint() ? tensor.To(dtype) : tensor);

    /// <summary>Moves all tensors to a device.</summary>
    public void To(Device device) => Replace((tensor, _) => tensor.To(device));

    /// <summary>Whether a parameter maps features to features, so that a step may be orthogonal (<see cref="Optim.Muon"/>): by default the kernels of convolutions.</summary>
    /// <param name="name">Its dotted name.</param>
    /// <param name="parameter">The parameter.</param>
    public virtual bool IsHiddenMatrix(string name, Tensor parameter) => parameter.Rank == 4;

    /// <summary>Switches recording for differentiation on or off for every parameter.</summary>
    public void RequireGrad(bool required)
    {
        foreach (var parameter in Parameters) parameter.RequiresGrad = required;
        WeightsChanged();
    }

    /// <summary>Tells the module that its weights were written to, so that what it derived from them is computed anew.</summary>
    public void WeightsChanged()
    {
        OnWeightsChanged();
        foreach (var (_, child) in _children) child.WeightsChanged();
    }

    /// <summary>Frees all tensors.</summary>
    public void Dispose()
    {
        OnWeightsChanged();
        foreach (var (_, tensor, _) in _tensors) tensor.Dispose();
        foreach (var (_, child) in _children) child.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Registers a trained tensor; the module owns it.</summary>
    protected Parameter AddParameter(string name, Tensor tensor)
    {
        _tensors.Add((name, tensor.Own(), TensorRole.Parameter));
        return new Parameter(this, _tensors.Count - 1);
    }

    /// <summary>Registers a constant tensor that checkpoints hold; the module owns it.</summary>
    /// <param name="name">Its key.</param>
    /// <param name="tensor">The tensor.</param>
    /// <param name="exact">Whether it keeps its type when the module is converted to another: frequencies of large angles lose all digits in half precision.</param>
    protected Parameter AddBuffer(string name, Tensor tensor, bool exact = false)
    {
        _tensors.Add((name, tensor.Own(), exact ? TensorRole.ExactBuffer : TensorRole.Buffer));
        return new Parameter(this, _tensors.Count - 1);
    }

    /// <summary>Registers a child; its keys begin with <paramref name="name"/> and a dot.</summary>
    protected T Add<T>(string name, T child)
        where T : Module
    {
        _children.Add((name, child));
        return child;
    }

    /// <summary>Called when weights were written to, converted or moved.</summary>
    protected virtual void OnWeightsChanged()
    {
    }

    private void Replace(Func<Tensor, TensorRole, Tensor> convert)
    {
        for (var i = 0; i < _tensors.Count; i++)
        {
            var (name, tensor, role) = _tensors[i];
            using var noGrad = new NoGrad();
            var converted = convert(tensor, role);
            if (ReferenceEquals(converted, tensor)) continue;
            _tensors[i] = (name, converted.Own(), role);
            tensor.Dispose();
        }
        OnWeightsChanged();
        foreach (var (_, child) in _children) child.Replace(convert);
    }

    private IEnumerable<(string Name, Tensor Tensor)> Walk(string prefix, Func<TensorRole, bool> wanted)
    {
        foreach (var (name, tensor, role) in _tensors)
            if (wanted(role)) yield return (prefix + name, tensor);
        foreach (var (name, child) in _children)
            foreach (var inner in child.Walk(prefix + name + ".", wanted)) yield return inner;
    }

    private enum TensorRole
    {
        Parameter,
        Buffer,
        ExactBuffer,
    }

    /// <summary>A registered tensor: it follows conversions and moves of its module.</summary>
    protected readonly struct Parameter
    {
        private readonly Module? _module;
        private readonly int _index;

        internal Parameter(Module module, int index) => (_module, _index) = (module, index);

        /// <summary>Whether a tensor was registered.</summary>
        public bool Exists => _module is not null;

        /// <summary>The tensor of today.</summary>
        public Tensor Value => _module!._tensors[_index].Tensor;

        /// <summary>The tensor of today; null for a parameter that was never registered.</summary>
        public Tensor? OrNull => _module?._tensors[_index].Tensor;

        /// <summary>The tensor of today.</summary>
        public static implicit operator Tensor(Parameter parameter) => parameter.Value;
    }
}
