using Posterior.Operators;

namespace Posterior.Solvers;

/// <summary>A solver was given an operator that lacks what the solver needs. The message is one line that names the solvers that would work.</summary>
/// <param name="solver">The solver.</param>
/// <param name="h">The operator.</param>
public sealed class UnsupportedOperatorException(Solver solver, ForwardOperator h)
    : Exception(Describe(solver, h))
{
    /// <summary>The solver.</summary>
    public Solver Solver => solver;

    /// <summary>The operator.</summary>
    public ForwardOperator Operator => h;

    private static string Describe(Solver solver, ForwardOperator h)
    {
        var others = SolverCatalog.All.Where(entry => entry.Default.Accepts(h)).Select(entry => entry.Name).ToArray();
        return $"solver '{solver.Name}' needs {solver.Needs}, which '{h.Name}' is not; {(others.Length > 0 ? $"solvers that work: {string.Join(", ", others)}" : "no solver works with it")}";
    }
}
