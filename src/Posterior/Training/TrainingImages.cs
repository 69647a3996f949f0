using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Images held in memory as bytes, from which training draws crops.</summary>
public sealed class TrainingImages
{
    private readonly List<(byte[] Pixels, int Height, int Width, long? Label)> _images = [];

    /// <summary>A collection of images with the given number of channels.</summary>
    public TrainingImages(int channels) => Channels = channels;

    /// <summary>The number of channels.</summary>
    public int Channels { get; }

    /// <summary>The number of images.</summary>
    public int Count => _images.Count;

    /// <summary>The smallest height or width.</summary>
    public int SmallestSide => _images.Min(image => Math.Min(image.Height, image.Width));

    /// <summary>Adds an image.</summary>
    /// <param name="pixels">Bytes in the order <c>[C, H, W]</c>.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="label">Its class, or null.</param>
    /// <exception cref="ArgumentException">The number of bytes does not fit.</exception>
    public void Add(byte[] pixels, int height, int width, long? label = null)
    {
        if (pixels.Length != Channels * height * width)
            throw new ArgumentException($"{pixels.Length} bytes are no image of {Channels}x{height}x{width}");
        _images.Add((pixels, height, width, label));
    }

    /// <summary>Splits off every <paramref name="stride"/>-th image, to be held out.</summary>
    public (TrainingImages Training, TrainingImages HeldOut) Split(int stride)
    {
        var (training, heldOut) = (new TrainingImages(Channels), new TrainingImages(Channels));
        for (var i = 0; i < _images.Count; i++) (i % stride == stride - 1 ? heldOut : training)._images.Add(_images[i]);
        return (training, heldOut);
    }

    /// <summary>Images evenly spread over the collection, whose centres have at most so many pixels together: all, or fewer, at least one of any.</summary>
    /// <param name="pixels">The number of pixels.</param>
    /// <param name="side">Height and width of a centre.</param>
    public TrainingImages Spread(long pixels, int side)
    {
        var all = _images.Sum(image => (long)Math.Min(side, image.Height) * Math.Min(side, image.Width));
        if (all <= pixels) return this;
        var (spread, count) = (new TrainingImages(Channels), Math.Max(1, _images.Count * pixels / all));
        for (var i = 0L; i < count; i++) spread._images.Add(_images[(int)(i * _images.Count / count)]);
        return spread;
    }

    /// <summary>The class of an image; null for none.</summary>
    /// <param name="index">Which image.</param>
    public long? Label(int index) => _images[index].Label;

    /// <summary>The centre of an image, in [-1, 1].</summary>
    /// <param name="index">Which image.</param>
    /// <param name="size">Height and width; smaller images give what they have.</param>
    /// <returns><c>[1, C, H, W]</c>.</returns>
    public Tensor Centre(int index, int size)
    {
        var (_, height, width, _) = _images[index];
        var (h, w) = (Math.Min(size, height), Math.Min(size, width));
        var values = new float[Channels * h * w];
        Copy(index, (height - h) / 2, (width - w) / 2, h, w, mirrored: false, values);
        return Tensor.From(values, 1, Channels, h, w);
    }

    /// <summary>A batch of random crops, mirrored half of the time. Crop k is a function of the seed and k alone.</summary>
    /// <param name="seed">The seed of the training.</param>
    /// <param name="first">The number of crops drawn before.</param>
    /// <param name="count">The size of the batch.</param>
    /// <param name="size">Height and width of a crop.</param>
    /// <returns>Crops in [-1, 1], <c>[count, C, size, size]</c>, and the class of each (-1 for none).</returns>
    public (Tensor Crops, long[] Labels) Crops(ulong seed, long first, int count, int size)
    {
        var each = Channels * size * size;
        var values = new float[count * each];
        var labels = new long[count];
        for (var i = 0; i < count; i++)
        {
            var draw = new RandomStream(seed, (ulong)(first + i));
            var index = draw.Below(_images.Count);
            var (_, height, width, label) = _images[index];
            var (top, left) = (draw.Below(height - size + 1), draw.Below(width - size + 1));
            Copy(index, top, left, size, size, draw.Below(2) == 1, values.AsSpan(i * each, each));
            labels[i] = label ?? -1;
        }
        return (Tensor.From(values, new ImageShape(Channels, size, size).Batch(count)), labels);
    }

    private void Copy(int index, int top, int left, int height, int width, bool mirrored, Span<float> destination)
    {
        var (pixels, fullHeight, fullWidth, _) = _images[index];
        for (var c = 0; c < Channels; c++)
        {
            for (var row = 0; row < height; row++)
            {
                var source = pixels.AsSpan((c * fullHeight + top + row) * fullWidth + left, width);
                var target = destination.Slice((c * height + row) * width, width);
                for (var col = 0; col < width; col++) target[mirrored ? width - 1 - col : col] = source[col] / 127.5f - 1;
            }
        }
    }
}
