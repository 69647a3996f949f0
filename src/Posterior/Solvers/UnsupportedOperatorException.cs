using Posterior.Operators;

namespace Posterior.Solvers;

/// <summary>A solver was given an operator that lacks what the solver needs.</summary>
/// <param name="solver">The solver.</param>
/// <param name="h">The operator.</param>
public sealed class UnsupportedOperatorException(Solver solver, ForwardOperator h)
    : Exception($"solver '{solver.Name}' needs more than operator '{h.Name}' offers")
{
    /// <summary>The solver.</summary>
    public Solver Solver => solver;

    /// <summary>The operator.</summary>
    public ForwardOperator Operator => h;
}
