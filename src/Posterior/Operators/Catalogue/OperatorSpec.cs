using System.Globalization;
using System.Text.Json.Serialization;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Operators;

/// <summary>
/// The definition of an operator, apart from any image: plain data with a text form, which is also its JSON form.
/// <see cref="Bind"/> makes the operator for images of one shape.
/// </summary>
[JsonConverter(typeof(OperatorSpecJson))]
public abstract record OperatorSpec
{
    /// <summary>The text form; <see cref="OperatorCatalog.Parse"/> reads it back.</summary>
    public abstract string Text { get; }

    /// <summary>The file that the definition names: a mask, a kernel or a matrix; null for none.</summary>
    public virtual string? NamedFile => null;

    /// <summary>The definition with another file; one that names none stays as it is.</summary>
    /// <param name="path">The file.</param>
    public virtual OperatorSpec WithFile(string path) => this;

    /// <summary>Whether measurements are pictures with values near [0, 1]; others are written as arrays.</summary>
    public virtual bool MakesPictures => true;

    /// <summary>Whether some pixels of a picture are missing, from which no noise can be told.</summary>
    public virtual bool LeavesPixelsOut => false;

    /// <summary>Height and width of images are multiples of this. <c>restore</c> refuses others; <c>degrade</c> crops to <see cref="LargestFit"/>.</summary>
    public virtual int RequiredMultiple => 1;

    /// <summary>The largest shape inside <paramref name="shape"/> that the operator takes: what <c>degrade</c> crops to.</summary>
    public virtual ImageShape LargestFit(ImageShape shape) =>
        shape with { Height = shape.Height - shape.Height % RequiredMultiple, Width = shape.Width - shape.Width % RequiredMultiple };

    /// <summary>The operator for images of one shape. The caller disposes it.</summary>
    /// <param name="shape">The shape of images.</param>
    /// <param name="files">Where named files come from.</param>
    /// <param name="dtype">The precision of the images to come: single or double.</param>
    /// <param name="device">The device of the images to come.</param>
    /// <exception cref="OperatorException">The operator does not fit the shape, or a file does not fit the operator.</exception>
    public ForwardOperator Bind(ImageShape shape, IOperatorFiles? files = null, DType dtype = DType.Float32, Device device = default)
    {
        // An image smaller than the multiple was cropped to nothing: there is no size left to name.
        if (shape.Channels > 0 && shape is { Height: < 1 } or { Width: < 1 } && RequiredMultiple > 1)
            throw new OperatorException(string.Create(CultureInfo.InvariantCulture, $"operator '{Text}': the image is smaller than {RequiredMultiple}x{RequiredMultiple}, the smallest that it takes"));
        if (shape.Channels < 1 || shape.Height < 1 || shape.Width < 1) throw new OperatorException($"operator '{Text}': there are no images of shape {shape}");
        using var gradients = new NoGrad();
        using var scope = new Scope();
        return Create(new(shape, files, dtype, device));
    }

    /// <summary>The shape of the images behind measurements.</summary>
    /// <param name="measurement">The shape of one measurement, without the batch.</param>
    /// <param name="size">The size that the user states, when the measurement's shape does not say it.</param>
    /// <param name="files">Where named files come from.</param>
    /// <exception cref="OperatorException">The shape is no measurement's, it contradicts the stated size, or the size must be stated and is not.</exception>
    public ImageShape InputShape(IReadOnlyList<long> measurement, (long Height, long Width)? size = null, IOperatorFiles? files = null)
    {
        if (measurement.Count == 0) throw new OperatorException($"operator '{Text}': expected a measurement that is an array, found a single number");
        var shape = Infer(measurement, size, files);
        return size is not { } stated || (shape.Height, shape.Width) == stated
            ? shape
            : throw new OperatorException(
                $"operator '{Text}': a measurement of {string.Join('x', measurement)} comes from images of {shape.Width}x{shape.Height}, not of {stated.Width}x{stated.Height}");
    }

    /// <inheritdoc/>
    public sealed override string ToString() => Text;

    /// <summary>Makes the operator.</summary>
    protected internal abstract ForwardOperator Create(OperatorSite site);

    /// <summary>The shape of the images behind a measurement; unless overridden, measurements are images of the same shape.</summary>
    protected virtual ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files) => Image(measurement);

    /// <summary>A measurement that is an image.</summary>
    protected ImageShape Image(IReadOnlyList<long> measurement) => measurement is [var c, var h, var w]
        ? new(c, h, w)
        : throw new OperatorException($"operator '{Text}': expected a measurement that is an image, channels x height x width, found {string.Join('x', measurement)}");

    /// <summary>The image behind a measurement that is a smaller image.</summary>
    protected ImageShape Enlarged(IReadOnlyList<long> measurement, int factor)
    {
        var small = Image(measurement);
        return small with { Height = small.Height * factor, Width = small.Width * factor };
    }

    /// <summary>The size that the user must state.</summary>
    protected (long Height, long Width) Stated((long Height, long Width)? size) =>
        size ?? throw new OperatorException($"operator '{Text}': the measurement does not tell the size of the image, state it (--size WxH)");
}
