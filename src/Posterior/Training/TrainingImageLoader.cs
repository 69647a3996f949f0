using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Training;

/// <summary>Reads the images of a training into memory.</summary>
public static class TrainingImageLoader
{
    /// <summary>Reads all images with three channels; grey ones are repeated.</summary>
    /// <param name="source">The images.</param>
    /// <param name="smallest">Images with a smaller side (when reduced) are left out: no crop fits into them.</param>
    /// <param name="shrink">Each image is reduced by this factor with a box filter, which removes the traces of compression.</param>
    /// <param name="progress">Told the number of images read.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <returns>The images, and how many were left out.</returns>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    public static (TrainingImages Images, int LeftOut) Load(ImageSource source, int smallest, int shrink = 1, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        var (images, leftOut) = (new TrainingImages(3), 0);
        for (var i = 0; i < source.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new Scope();
            var pixels = Colour.ToColour(source.Load(i).Unsqueeze(0));
            var (height, width) = ((int)pixels.Size(2) / shrink, (int)pixels.Size(3) / shrink);
            if (Math.Min(height, width) < smallest)
            {
                leftOut++;
            }
            else
            {
                if (shrink > 1) pixels = pixels.To(DType.Float32).AveragePool(shrink, shrink).Round().To(DType.UInt8);
                var bytes = new byte[3 * height * width];
                pixels.Contiguous().CopyTo(bytes.AsSpan());
                images.Add(bytes, height, width, source.HasLabels ? source.Label(i) : null);
            }
            progress?.Report(i + 1);
        }
        return (images, leftOut);
    }
}
