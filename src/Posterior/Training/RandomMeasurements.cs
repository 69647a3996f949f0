using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Measurements of images with operators drawn from families, for training and for the held-out quality.</summary>
/// <param name="families">The families; each image draws one of them.</param>
/// <param name="noise">The standard deviation of the measurements' noise, for images in [0, 1].</param>
public sealed class RandomMeasurements(IReadOnlyList<OperatorFamily> families, double noise)
{
    private const ulong OperatorStream = 0x0C0FFEE0, MeasurementStream = 0x3EA5;

    /// <summary>The families.</summary>
    public IReadOnlyList<OperatorFamily> Families => families;

    /// <summary>The standard deviation of the measurements' noise, for images in [0, 1].</summary>
    public double Noise => noise;

    /// <summary>The operators of a step of training. The caller disposes them.</summary>
    public OperatorBatch Operators(TrainingBatch batch)
    {
        var shape = ImageShape.Of(batch.Clean);
        return OperatorBatch.Of([.. Enumerable.Range(0, batch.Count).Select(i =>
        {
            var random = batch.Stream(i, OperatorStream);
            return families[random.Below(families.Count)].Draw(shape, (ulong)random.Below(int.MaxValue));
        })]);
    }

    /// <summary>Measurements with noise of a step of training.</summary>
    /// <param name="operators">The operators.</param>
    /// <param name="batch">The images.</param>
    public MeasuredBatch Measure(OperatorBatch operators, TrainingBatch batch) => Measure(operators, batch.Clean, batch.Noise(MeasurementStream));

    /// <summary>Measurements with noise.</summary>
    /// <param name="operators">The operators.</param>
    /// <param name="clean"><c>[N, C, H, W]</c>.</param>
    /// <param name="draws">One stream an image.</param>
    public MeasuredBatch Measure(OperatorBatch operators, Tensor clean, NoiseSource draws)
    {
        var y = operators.Apply(clean);
        if (noise > 0) y = y.AddScaled(draws.NormalLike(y), new UnitSigma(noise).Signed);
        return new MeasuredBatch(operators, y);
    }

    /// <summary>The fixed operators of held-out images: families in turn but the zero one, the image's number as seed. The caller disposes them.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="first">The number of the first image.</param>
    /// <param name="count">How many.</param>
    public OperatorBatch HeldOut(ImageShape shape, int first, int count)
    {
        OperatorFamily[] measuring = [.. families.Where(family => family != OperatorFamilies.Zero)];
        if (measuring.Length == 0) measuring = [.. families];
        return OperatorBatch.Of([.. Enumerable.Range(first, count).Select(i => measuring[i % measuring.Length].Draw(shape, (ulong)i))]);
    }
}
