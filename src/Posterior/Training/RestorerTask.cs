using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Teaches a network to restore one degradation in one evaluation.</summary>
public sealed record RestorerTask : TrainingTask
{
    /// <summary>Its line in the catalogue; the noise level there is for images in [0, 1].</summary>
    public static TrainingTaskEntry Entry { get; } = TrainingTaskEntry.Of("restorer", "one-shot restoration of one degradation, for the solver 'network'", new NamedSettings<RestorerTask>(new())
        .Text("network", string.Join(", ", RestorerNetworks.Names), task => task.Network, (task, name) => task with { Network = name })
        .Text("operator", "the text of an operator, as deblur-gauss:sigma=1.5", task => task.Operator, (task, text) => task with { Operator = text })
        .Number("sigma", task => task.Sigma, (task, v) => task with { Sigma = v })
        .Choice("input", task => task.Input, (task, v) => task with { Input = v })
        .Choice("loss", task => task.Loss, (task, v) => task with { Loss = v }));

    /// <summary>A name of <see cref="RestorerNetworks"/>.</summary>
    public string Network { get; init; } = "dncnn-small";

    /// <summary>The degradation, as text.</summary>
    public string Operator { get; init; } = "denoise";

    /// <summary>The noise level of measurements, for images in [0, 1].</summary>
    public double Sigma { get; init; } = 0.05;

    /// <summary>What picture of the measurement the network sees; a SwinIR network is given small pictures as they are.</summary>
    public RestorerInput Input { get; init; }

    /// <summary>The loss.</summary>
    public RestorerLoss Loss { get; init; } = RestorerLoss.Charbonnier;

    /// <inheritdoc/>
    public override TrainingObjective Create(TrainingContext context)
    {
        if (!(Sigma is >= 0 and <= UnitSigma.Max)) throw new TrainingException(FormattableString.Invariant($"sigma: expected 0 to {UnitSigma.Max}, for images in [0, 1], found {Sigma}"));
        var (spec, input) = Check(context.Crop);
        var scale = 1;
        using (var h = spec.Bind(spec.LargestFit(new(3, context.Crop, context.Crop))))
        {
            // What is wrong with the picture is said before the images are read.
            if (Network.StartsWith("swinir", StringComparison.Ordinal) && input is RestorerInput.Picture or RestorerInput.Measurement && RestorerPicture.Reduction(h) is > 1 and var reduction)
                (scale, input) = (reduction, RestorerInput.Measurement);
            using var scope = new Scope();
            try
            {
                RestorerPicture.Of(input, scale, h, h.Apply(Tensor.Zeros(h.InputShape.Batch(1))));
            }
            catch (MeasurementException failure)
            {
                throw new TrainingException($"input: {failure.Message}");
            }
        }
        var (network, architecture) = RestorerNetworks.Build(Network, new(scale, NoiseMap: false, context.Activations, new SeededNoise(context.Seed)));
        return new RestorerObjective(network, architecture, input) { Operator = spec, Sigma = (Sigma, Sigma), ErrorLoss = Loss, HeldOutSize = 2 * context.Crop };
    }

    private (OperatorSpec Spec, RestorerInput Input) Check(int crop)
    {
        try
        {
            var spec = OperatorCatalog.Parse(Operator);
            if (spec.LargestFit(new(3, crop, crop)) is { Height: < 1 } or { Width: < 1 }) throw new TrainingException($"operator: '{Operator}' needs larger crops than {crop}");
            return (spec, Input);
        }
        catch (OperatorException failure)
        {
            throw new TrainingException($"operator: {failure.Message}");
        }
    }
}
