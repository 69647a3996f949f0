namespace Posterior.Evaluation.Verification;

/// <summary>What a solver does in one task, judged by its numbers.</summary>
public enum Verdict
{
    /// <summary>Its samples cannot be told from as many exact ones, in both kinds of prior.</summary>
    SamplesThePosterior,

    /// <summary>Closer to the posterior than the prior is, but not within the floor.</summary>
    Approximates,

    /// <summary>All samples are nearly the same image, where the posterior has a spread.</summary>
    PointEstimate,

    /// <summary>Further from the posterior than the prior, which does not look at the measurement.</summary>
    WorseThanThePrior,

    /// <summary>The solver stopped, or its samples are not finite.</summary>
    Fails,

    /// <summary>The solver does not take account of noise and the task has it, or the operator lacks what the solver needs.</summary>
    DoesNotApply,
}

/// <summary>The exact posterior of a task, and what exact samples of it score.</summary>
/// <param name="Operator">What was measured.</param>
/// <param name="Sigma">The noise level for images in [0, 1].</param>
/// <param name="Distance">The 2-Wasserstein distance of as many exact samples: the median of 20 sets.</param>
/// <param name="DistanceLimit">Up to here samples count as exact: 1.5 times the largest of the 20.</param>
/// <param name="PriorDistance">The 2-Wasserstein distance between the prior and the posterior.</param>
/// <param name="Weights">The exact weights of the mixture's components.</param>
/// <param name="WeightError">The total variation between these weights and those of exact samples: the median of 20 sets.</param>
/// <param name="WeightErrorLimit">Up to here weights count as exact.</param>
/// <param name="PriorWeightError">The total variation between the prior's weights and the posterior's.</param>
public sealed record VerificationTruth(
    string Operator, double Sigma, double Distance, double DistanceLimit, double PriorDistance, IReadOnlyList<double> Weights, double WeightError, double WeightErrorLimit, double PriorWeightError);

/// <summary>What a solver scores in a task. Images are in [-1, 1].</summary>
/// <param name="Solver">The solver's name.</param>
/// <param name="Operator">What was measured.</param>
/// <param name="Sigma">The noise level for images in [0, 1].</param>
/// <param name="Verdict">The judgement.</param>
public sealed record VerificationRow(string Solver, string Operator, double Sigma, Verdict Verdict)
{
    /// <summary>How often the prior is evaluated for a sample.</summary>
    public int Evaluations { get; init; }

    /// <summary>The 2-Wasserstein distance between the normal distribution that fits the samples and the posterior.</summary>
    public double? Distance { get; init; }

    /// <summary>The standard deviation of the samples as a multiple of the posterior's; null where the posterior is a point.</summary>
    public double? Spread { get; init; }

    /// <summary>The weights of the mixture's components among the samples.</summary>
    public IReadOnlyList<double>? Weights { get; init; }

    /// <summary>The total variation between these and the exact ones.</summary>
    public double? WeightError { get; init; }

    /// <summary>The time for the samples of both priors.</summary>
    public double Seconds { get; init; }

    /// <summary>Why the solver failed; null if it did not.</summary>
    public string? Problem { get; init; }
}

/// <summary>Solvers against exact posteriors.</summary>
/// <param name="Samples">Samples of each solver in each task and prior.</param>
/// <param name="Seed">Everything random follows from it.</param>
/// <param name="Tasks">The tasks.</param>
/// <param name="Rows">The solvers in the order of the catalogue, each in all tasks.</param>
public sealed record VerificationReport(int Samples, ulong Seed, IReadOnlyList<VerificationTruth> Tasks, IReadOnlyList<VerificationRow> Rows);
