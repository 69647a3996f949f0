using System.CommandLine;
using Posterior.Solvers;

namespace Posterior.Cli;

/// <summary>The options that choose a solver and its settings.</summary>
internal sealed class SolverOptions
{
    private readonly Option<string> _solver = Options.Text("--solver", "The method; 'posterior solvers' lists all. [default: ddrm]", "SOLVER");
    private readonly Option<int?> _steps = Options.Number<int>("--steps", "Steps of the solver. [default: the method's; 20 for ddrm]", "N");
    private readonly Option<double?> _eta = Options.Number<double>("--eta", "The share of fresh noise. [default: the method's]", "X");
    private readonly Option<double?> _etaB = Options.Number<double>("--eta-b", "DDRM's share of the measurement. [default: 1]", "X");
    private readonly Option<int?> _travelLength = Options.Number<int>("--travel-length", "DDNM's time travel: levels that it goes up.", "N");
    private readonly Option<int?> _travelRepeat = Options.Number<int>("--travel-repeat", "DDNM's time travel: walks of each stretch.", "N");
    private readonly Option<string> _preset = Options.Text("--preset", "SSD's settings by name: 30, 100, 30-colorization, 100-colorization. [default: 30]", "NAME");
    private readonly Option<string> _prefer = Options.Text("--prefer", "Dirac's end: perception or distortion, at the stopping points of the model's card.", "END");
    private readonly Option<double?> _zeta = Options.Number<double>("--zeta", "The length of the descent of dps and mcg, the fresh noise of diffpir. [default: the method's]", "X");
    private readonly Option<string[]> _set = Options.Several("--set", "A setting of the solver, as rho=0.4; may be repeated. 'posterior solvers' lists them with their defaults.", "NAME=VALUE");

    public SolverOptions(Command command)
    {
        foreach (var option in new Option[] { _solver, _steps, _eta, _etaB, _travelLength, _travelRepeat, _preset, _prefer, _zeta, _set }) command.Add(option);
    }

    /// <summary>The solver's name.</summary>
    public string Name(ParseResult parsed) => parsed.GetValue(_solver) ?? "ddrm";

    /// <summary>Its settings.</summary>
    /// <exception cref="SolverOptionsException">A text is no NAME=VALUE, or a setting is given twice.</exception>
    public SolverSettings Read(ParseResult parsed) => SolverSettings
        .Parse([.. parsed.GetValue(_set) ?? [], .. parsed.GetValue(_preset) is { } name ? [$"preset={name}"] : Array.Empty<string>(), .. parsed.GetValue(_prefer) is { } end ? [$"prefer={end}"] : Array.Empty<string>()])
        .With("steps", parsed.GetValue(_steps))
        .With("eta", parsed.GetValue(_eta))
        .With("eta-b", parsed.GetValue(_etaB))
        .With("travel-length", parsed.GetValue(_travelLength))
        .With("travel-repeat", parsed.GetValue(_travelRepeat))
        .With("zeta", parsed.GetValue(_zeta));
}
