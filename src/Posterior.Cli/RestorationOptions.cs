using System.CommandLine;
using Posterior.Evaluation;
using Posterior.Solvers;

namespace Posterior.Cli;

/// <summary>The arguments and options of a restoration, for <c>restore</c> and <c>plan</c> alike.</summary>
internal sealed class RestorationOptions
{
    private readonly Argument<string[]> _inputs = new("Y") { Description = "Measurements: images, .npy arrays, folders or globs.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _operator = Options.Operator();
    private readonly Option<string> _output = Options.Output("The restored image; a folder for several.");
    private readonly Option<string> _sigma = Options.Text("--sigma", "The noise level for images in [0, 1], as 0.05 or 25/255; auto estimates it. [default: 0]", "S");
    private readonly SolverOptions _solver;
    private readonly Option<int?> _samples = Options.Number<int>("--samples", "Draw K samples; writes OUT.0.png, ..., OUT.mean.png, OUT.std.png and OUT.sheet.png too.", "K", 1);
    private readonly Option<bool> _truthMap = Options.Flag("--truth-map", "Write OUT.truth.png: what the measurement fixes, and what the prior supplied.");
    private readonly Option<string> _size = Options.Text("--size", "The size of the image, where the measurement does not tell it.", "WxH");
    private readonly Option<ulong?> _seed = Options.Seed();
    private readonly Option<int?> _bits = Options.Bits();
    private readonly Option<bool> _force = Options.Force();
    private readonly PriorOptions _prior;

    public RestorationOptions(Command command)
    {
        command.Add(_inputs);
        foreach (var option in new Option[] { _operator, _sigma, _output }) command.Add(option);
        _solver = new SolverOptions(command);
        foreach (var option in new Option[] { _samples, _truthMap, _size, _seed, _bits, _force }) command.Add(option);
        _prior = new PriorOptions(command);
    }

    /// <summary>The settings.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="problem">Told of each text that cannot be read, which then keeps its default; null throws at the first.</param>
    public RestorationSettings Read(ParseResult parsed, Action<Exception>? problem = null)
    {
        return new()
        {
            Operator = parsed.GetRequiredValue(_operator),
            Sigma = Try(() => RestorationSettings.ParseSigma(parsed.GetValue(_sigma) ?? "0"), 0),
            Solver = _solver.Name(parsed),
            SolverSettings = Try(() => _solver.Read(parsed), new SolverSettings()),
            Prior = Try(() => _prior.Read(parsed), new PriorSettings()),
            Samples = parsed.GetValue(_samples) ?? 1,
            TruthMap = parsed.GetValue(_truthMap),
            Size = Try(() => parsed.GetValue(_size) is { } text ? ImageSize.Parse(text) : (ImageSize?)null, null),
            Seed = parsed.GetValue(_seed) ?? 0,
            Bits = parsed.GetValue(_bits),
        };

        T Try<T>(Func<T> read, T fallback)
        {
            try
            {
                return read();
            }
            catch (Exception error) when (problem is not null && error is ArgumentException or FormatException or MeasurementException or SolverOptionsException)
            {
                problem!(error);
                return fallback;
            }
        }
    }

    /// <summary>Which files are read and written.</summary>
    public BatchPlan Files(ParseResult parsed) =>
        BatchPlan.Of(parsed.GetRequiredValue(_inputs), parsed.GetRequiredValue(_output), MeasurementFile.HasExtension, extension => extension is ".tif" or ".tiff" ? extension : ".png");

    /// <summary>Whether finished files are done again.</summary>
    public bool Force(ParseResult parsed) => parsed.GetValue(_force);
}
