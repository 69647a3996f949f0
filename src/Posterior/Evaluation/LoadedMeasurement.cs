using System.Globalization;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>A measurement that was read from a file, with the operator bound to the image behind it. Disposing it frees the operator.</summary>
internal sealed class LoadedMeasurement : IDisposable
{
    private readonly string _input;
    private readonly OperatorSpec _spec;

    private LoadedMeasurement(string input, OperatorSpec spec, Tensor unit, ForwardOperator h, int bits) => (_input, _spec, Unit, Operator, Bits) = (input, spec, unit, h, bits);

    /// <summary><c>y</c> with a batch dimension, for images in [0, 1], where the work is done; owned by the caller's scope.</summary>
    public Tensor Unit { get; }

    /// <summary><c>H</c>.</summary>
    public ForwardOperator Operator { get; }

    /// <summary>Bits of a value in the file.</summary>
    public int Bits { get; }

    /// <summary>Reads and binds.</summary>
    /// <param name="input">An image or a <c>.npy</c> array.</param>
    /// <param name="spec">The operator.</param>
    /// <param name="size">The size of the image, where the measurement does not tell it.</param>
    /// <param name="files">Where the operator's files come from.</param>
    /// <param name="device">Where the work is done.</param>
    /// <exception cref="ImageException">The file cannot be read.</exception>
    /// <exception cref="MeasurementException">It holds no measurement.</exception>
    /// <exception cref="OperatorException">The operator does not fit it.</exception>
    public static LoadedMeasurement Open(string input, OperatorSpec spec, ImageSize? size, OperatorFiles files, Device device)
    {
        var y = MeasurementFile.Load(input, out var bits);
        (long Height, long Width)? stated = size is { } known ? (known.Height, known.Width) : null;
        ImageShape shape;
        try
        {
            shape = spec.InputShape(y.Shape.ToArray(), stated, files);
        }
        catch (OperatorException) when (y.Rank == 2)
        {
            // An array of rows and columns is a grey picture where the operator measures pictures.
            y = y.Unsqueeze(0);
            shape = spec.InputShape(y.Shape.ToArray(), stated, files);
        }
        if (spec.LargestFit(shape) is var fit && fit != shape)
            throw new OperatorException(string.Create(CultureInfo.InvariantCulture, $"operator '{spec}' takes no images of {shape.Width}x{shape.Height} (the largest inside is {fit.Width}x{fit.Height}; degrade crops to it, restore does not)"));
        WorkingMemory.Check(shape, WorkingMemory.Plain, device);
        return new(input, spec, y.Unsqueeze(0).To(device), spec.Bind(shape, files, DType.Float32, device), bits);
    }

    /// <summary>What a solver starts from.</summary>
    /// <param name="sigma">The noise level for images in [0, 1]; null to estimate it.</param>
    /// <exception cref="OperatorException">The operator is not linear.</exception>
    /// <exception cref="MeasurementException">The noise level makes no sense, or cannot be estimated, or the values are not of images in [0, 1].</exception>
    public Measurement<LinearOperator> Measure(double? sigma)
    {
        if (Operator is not LinearOperator linear) throw new OperatorException($"operator '{Operator.Name}' is not linear, so its measurements cannot be brought to the prior's range of values");
        var level = sigma is { } stated ? new UnitSigma(stated).Value : Estimate();
        MeasurementRange.Check(_input, linear, Unit, level);
        return new(MeasurementFile.ToSigned(linear, Unit), linear, new UnitSigma(level).Signed);
    }

    /// <summary>The measurement as a picture in [0, 1]: itself where it is one, else <c>H^+ y</c>.</summary>
    public ContactSheet.Cell Picture() => Operator.MakesPictures ? new(Unit, "measurement") : new(((LinearOperator)Operator).PseudoInverse(Unit), "pseudo-inverse");

    /// <inheritdoc/>
    public void Dispose() => Operator.Dispose();

    private double Estimate()
    {
        try
        {
            return NoiseEstimate.Of(Unit);
        }
        catch (ArgumentException error)
        {
            throw new MeasurementException($"operator '{_spec}': {error.Message}; state the noise level (--sigma)");
        }
    }
}
