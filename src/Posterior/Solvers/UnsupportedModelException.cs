using Posterior.Diffusion;

namespace Posterior.Solvers;

/// <summary>A solver was given a model of another kind than it works with. The message is one line that names the solvers that would work.</summary>
/// <param name="solver">The solver.</param>
/// <param name="predictor">The model.</param>
public sealed class UnsupportedModelException(Solver solver, ImagePredictor predictor)
    : Exception(Describe(solver, predictor))
{
    /// <summary>The solver.</summary>
    public Solver Solver => solver;

    private static string Describe(Solver solver, ImagePredictor predictor)
    {
        // Methods that use no model work with this one only in name.
        var others = SolverCatalog.All.Where(entry => entry.Default.Accepts(predictor) && entry.Default.Evaluations > 0).Select(entry => entry.Name).ToArray();
        return $"solver '{solver.Name}' needs {solver.NeedsOfModel}, and this is {predictor.Kind}; {(others.Length > 0 ? $"solvers for it: {string.Join(", ", others)}" : "no solver works with it")}";
    }
}
