using Posterior.Operators;
using Posterior.Solvers;

namespace Posterior.Evaluation.Experiments;

/// <summary>Methods x tasks x images x seeds, and what is measured: plain data, as its YAML file holds it. <see cref="ExperimentFile"/> reads it, <see cref="ExperimentRun"/> runs it.</summary>
public sealed record Experiment
{
    /// <summary>The title of its tables.</summary>
    public required string Name { get; init; }

    /// <summary>The images.</summary>
    public required ExperimentDataset Dataset { get; init; }

    /// <summary>The model of all methods that name none of their own.</summary>
    public PriorSettings Prior { get; init; } = new();

    /// <summary>The model of a method; class and guidance are those of <see cref="Prior"/> alone.</summary>
    public PriorSettings PriorOf(ExperimentMethod method)
    {
        if (method.Model is { } model) return new() { Model = model, Dtype = Prior.Dtype };
        // Without a class only a weaker model can guide.
        return method.UsesLabels == false && Prior.Class is not null ? Prior with { Class = null, Guidance = Prior.Guide is null ? 1 : Prior.Guidance } : Prior;
    }

    /// <summary>Whether the prior is told the class that the dataset has for each image.</summary>
    public bool UsesLabels { get; init; }

    /// <summary>Whether the prior is told the classes of the images for a method.</summary>
    public bool LabelsFor(ExperimentMethod method) => method.UsesLabels ?? (UsesLabels && method.Model is null);

    /// <summary>The originals that sets of restorations are compared with; null for those of <see cref="Dataset"/>.</summary>
    public ExperimentDataset? Reference { get; init; }

    /// <summary>What is measured of each image.</summary>
    public required IReadOnlyList<ExperimentTask> Tasks { get; init; }

    /// <summary>What restores it.</summary>
    public required IReadOnlyList<ExperimentMethod> Methods { get; init; }

    /// <summary>The metrics, by their names in <see cref="Posterior.Metrics.MetricCatalog.Names"/>; none for <see cref="ExperimentMetrics.Usual"/>.</summary>
    public IReadOnlyList<string> Metrics { get; init; } = [];

    /// <summary>The seeds of measurement noise and of solvers; everything is done for each of them.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [0];

    /// <summary>Restorations of each measurement by each method.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>The method that others are compared with; null for none.</summary>
    public string? Baseline { get; init; }

    /// <summary>Of how many images, the first ones, the restorations are kept as pictures.</summary>
    public int Pictures { get; init; } = 4;
}

/// <summary>The images of an experiment.</summary>
public sealed record ExperimentDataset
{
    /// <summary>A folder, a <c>.zip</c> archive or a glob.</summary>
    public required string Path { get; init; }

    /// <summary>How many images, evenly spread over the set; null for all.</summary>
    public int? Images { get; init; }

    /// <summary>The height and width of the centre that is cut out, in pixels after <see cref="Shrink"/>; null for whole images.</summary>
    public int? Size { get; init; }

    /// <summary>The factor by which images are reduced with a box filter first; 1 for none.</summary>
    public int Shrink { get; init; } = 1;
}

/// <summary>A measurement: the operator, the noise, and what the methods are told of it.</summary>
public sealed record ExperimentTask
{
    /// <summary>The name in tables.</summary>
    public required string Name { get; init; }

    /// <summary>The operator's text form.</summary>
    public required string Operator { get; init; }

    /// <summary>Whether each image has an operator of its own of a random family: its seed follows from the image's content.</summary>
    public bool EachImage { get; init; }

    /// <summary>The noise of the measurement, for images in [0, 1].</summary>
    public double Sigma { get; init; }

    /// <summary>The noise level that methods are told; null for the true one. 0 where the noise is unknown to them.</summary>
    public double? ToldSigma { get; init; }

    /// <summary>The quality at which the measurement is stored as a JPEG before it is restored; null for none.</summary>
    public int? JpegQuality { get; init; }

    /// <summary>The noise level that methods are told, for images in [0, 1].</summary>
    public double Told => ToldSigma ?? Sigma;

    /// <summary>The operator of an image.</summary>
    /// <param name="content">The hash of the image's content.</param>
    /// <exception cref="OperatorException">The text form cannot be read.</exception>
    public OperatorSpec OperatorFor(string content) => OperatorCatalog.Parse(Operator) switch
    {
        FamilySpec family when EachImage => family with { Seed = (int)(ImageSeed.Of("operator", (ulong)family.Seed, content, 0) & int.MaxValue) },
        var spec => spec,
    };
}

/// <summary>A solver with settings.</summary>
public sealed record ExperimentMethod
{
    /// <summary>The name in tables. Methods of one name are one row, if no task is done by two of them.</summary>
    public required string Name { get; init; }

    /// <summary>The solver's name.</summary>
    public required string Solver { get; init; }

    /// <summary>The solver's settings.</summary>
    public SolverSettings Settings { get; init; } = new();

    /// <summary>The model that it works with, a shipped one or a weight file; null for <see cref="Experiment.Prior"/>'s.</summary>
    public string? Model { get; init; }

    /// <summary>Whether the prior is told the classes of the images for this method; null where that is as <see cref="Experiment.UsesLabels"/> says.</summary>
    public bool? UsesLabels { get; init; }

    /// <summary>The names of the tasks that it does; null for all.</summary>
    public IReadOnlyList<string>? Tasks { get; init; }

    /// <summary>Whether it does a task.</summary>
    public bool Does(ExperimentTask task) => Tasks is null || Tasks.Contains(task.Name);
}
