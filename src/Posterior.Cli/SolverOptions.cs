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
    private readonly Option<double?> _zeta = Options.Number<double>("--zeta", "The length of the descent of dps and mcg. [default: the method's]", "X");

    public SolverOptions(Command command)
    {
        foreach (var option in new Option[] { _solver, _steps, _eta, _etaB, _travelLength, _travelRepeat, _preset, _zeta }) command.Add(option);
    }

    /// <summary>The solver's name.</summary>
    public string Name(ParseResult parsed) => parsed.GetValue(_solver) ?? "ddrm";

    /// <summary>Its settings.</summary>
    public SolverSettings Read(ParseResult parsed) => new()
    {
        Steps = parsed.GetValue(_steps),
        Eta = parsed.GetValue(_eta),
        EtaB = parsed.GetValue(_etaB),
        TravelLength = parsed.GetValue(_travelLength),
        TravelRepeat = parsed.GetValue(_travelRepeat),
        Preset = parsed.GetValue(_preset),
        Zeta = parsed.GetValue(_zeta),
    };
}
