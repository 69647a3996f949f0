using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation.Reversal;

/// <summary>The originals of a study, all of one size and evenly spread over a source.</summary>
internal static class StudyImages
{
    /// <summary>Hands them on, one by one, each in a scope of its own.</summary>
    /// <param name="settings">Source, number and size.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="native">The size of the model's training; null for any.</param>
    /// <param name="fit">The largest shape that the degradation takes.</param>
    /// <param name="study">Takes an image in [-1, 1], <c>[1, C, H, W]</c>, the seed that follows from its content, and how many images of all are behind it.</param>
    /// <returns>The number of images.</returns>
    /// <exception cref="ImageException">A file cannot be read, or is too small.</exception>
    public static int Each(ReversalStudySettings settings, long channels, int? native, Func<ImageShape, ImageShape> fit, Action<Tensor, ulong, (int Done, int Count)> study)
    {
        using var source = ImageSource.Open(settings.Data);
        var count = Math.Min(settings.Images, source.Count);
        for (var i = 0; i < count; i++)
        {
            using var scope = new Scope();
            var index = (int)((long)i * source.Count / count);
            var content = FileHash.OfBytes(source.Read(index));
            study(Original(source, index, settings, channels, native, fit), ImageSeed.Of("study", settings.Seed, content, 0), (i, count));
        }
        return count;
    }

    private static Tensor Original(ImageSource source, int index, ReversalStudySettings settings, long channels, int? native, Func<ImageShape, ImageShape> fit)
    {
        using var scope = new Scope();
        (long Height, long Width)? least = settings.Size is { } size ? (size.Height, size.Width) : native is { } side ? (side, side) : null;
        var whole = Crop.Reduced(source.LoadUnit(index), source.Name(index), settings.Shrink, least);
        var (height, width) = least ?? (whole.Size(2), whole.Size(3));
        var shape = fit(new(channels, height, width));
        var colour = channels == 3 ? Colour.ToColour(whole) : Colour.ToGrey(whole);
        return scope.Keep(ValueRange.ToSigned(Crop.Centre(colour, shape.Height, shape.Width).Contiguous()));
    }
}
