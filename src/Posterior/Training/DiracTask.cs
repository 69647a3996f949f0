using Posterior.Models;
using Posterior.Operators;

namespace Posterior.Training;

/// <summary>Teaches a model that reverses a degradation (DiracDiffusion, Fabian et al. 2024). Noise levels are for images in [0, 1].</summary>
public sealed record DiracTask : TrainingTask
{
    /// <summary>Its line in the catalogue.</summary>
    public static TrainingTaskEntry Entry { get; } = TrainingTaskEntry.Of("dirac", "a model that reverses one degradation, for --solver dirac", new NamedSettings<DiracTask>(new())
        .Text("degradation", "a degradation by severity, as severity-blur:max=1.5", task => task.Degradation, (task, text) => task with { Degradation = text })
        .Text("schedule", "linear, or a file of 'posterior schedule'", task => task.Schedule, (task, text) => task with { Schedule = text })
        .Number("sigma-min", task => task.SigmaMin, (task, v) => task with { SigmaMin = v })
        .Number("sigma-max", task => task.SigmaMax, (task, v) => task with { SigmaMax = v })
        .Number("dt", task => task.Step, (task, v) => task with { Step = v })
        .Choice("weighting", task => task.Weighting, (task, v) => task with { Weighting = v })
        .Text("network", string.Join(", ", ReversalNetworks.Names), task => task.Network, (task, name) => task with { Network = name })
        .Whole("width", task => task.Width, (task, v) => task with { Width = v })
        .Whole("blocks", task => task.Blocks, (task, v) => task with { Blocks = v }));

    /// <summary>The degradation. For crops of 64 pixels the paper's blur of 3 pixels at 256 would hardly show: half of it is used.</summary>
    public string Degradation { get; init; } = "severity-blur:max=1.5,size=31";

    /// <summary><c>linear</c>, or a file that <c>posterior schedule</c> wrote.</summary>
    public string Schedule { get; init; } = "linear";

    /// <summary>The noise at t = 0.</summary>
    public double SigmaMin { get; init; } = 0.01;

    /// <summary>The noise at t = 1.</summary>
    public double SigmaMax { get; init; } = 0.05;

    /// <summary>dt of the incremental reconstruction loss: in the paper 0 for blur and 1 for inpainting, and 1 for blur in the released configuration; 1 learns to restore sooner.</summary>
    public double Step { get; init; } = 1;

    /// <summary>The weight of each time.</summary>
    public TimeWeighting Weighting { get; init; } = TimeWeighting.Noise;

    /// <summary><c>ncsnpp</c>, as in the paper, or a name of <see cref="TrainingNetworks"/>: with <c>--from photo</c> the training starts from what the prior knows.</summary>
    public string Network { get; init; } = ReversalNetworks.Song;

    /// <summary>The width of NCSN++'s finest level: 8, 12, 16 or a multiple of 32.</summary>
    public int Width { get; init; } = 32;

    /// <summary>Residual blocks of each level of NCSN++.</summary>
    public int Blocks { get; init; } = 2;

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (!(Step is >= 0 and <= 1)) throw new TrainingException($"dt: expected 0 to 1, found {Step}");
        if (!(SigmaMin > 0 && SigmaMax >= SigmaMin)) throw new TrainingException($"noise levels: expected 0 < sigma-min <= sigma-max, found {SigmaMin} and {SigmaMax}");
        var card = ReversalNetworks.Checked(() => Scheduled(new ReverserCard { Degradation = Canonical(Degradation), SigmaMin = SigmaMin, SigmaMax = SigmaMax }), context.Crop);
        return new DiracObjective(ReversalNetworks.Create(Network, Width, Blocks, context), card, Step, Weighting, context.Crop);
    }

    /// <summary>The full form of a degradation.</summary>
    /// <exception cref="TrainingException">It is none by severity, or states one.</exception>
    internal static string Canonical(string text)
    {
        try
        {
            return OperatorCatalog.Parse(text) is SeveritySpec { Severity: 1 } spec ? spec.Text : throw new TrainingException($"degradation: expected one by severity, without t, as severity-blur:max=1.5; found '{text}'");
        }
        catch (OperatorException failure)
        {
            throw new TrainingException($"degradation: {failure.Message}");
        }
    }

    private ReverserCard Scheduled(ReverserCard card)
    {
        if (Schedule == "linear") return card;
        var file = SeverityScheduleFile.Read(Schedule);
        return Canonical(file.Degradation) == card.Degradation
            ? card with { Times = file.Times, Severities = file.Severities }
            : throw new TrainingException($"schedule: '{Schedule}' is for '{file.Degradation}', not for '{card.Degradation}'");
    }
}
