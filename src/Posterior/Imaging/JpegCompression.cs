using Posterior.Torch;

namespace Posterior.Imaging;

/// <summary>What an image loses when it is stored as a JPEG.</summary>
public static class JpegCompression
{
    /// <summary>Compresses and decompresses images.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c> in [0, 1]; values outside are limited to it.</param>
    /// <param name="quality">1 to 100.</param>
    /// <returns>The same shape and device, Float32.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The quality is out of range.</exception>
    public static Tensor Apply(Tensor images, int quality)
    {
        if (quality is < 1 or > 100) throw new ArgumentOutOfRangeException(nameof(quality), quality, "a JPEG quality is 1 to 100");
        using var scope = new Scope();
        var results = new Tensor[images.Size(0)];
        for (var i = 0; i < results.Length; i++)
        {
            var pixels = (images.Select(0, i).To(Device.Cpu).Permute(1, 2, 0) * 255).Round().Clamp(0, 255).To(DType.UInt8).Contiguous();
            using var stored = new MemoryStream();
            ImageCodec.Encode(pixels, ImageFormat.Jpeg, quality, bytes => stored.Write(bytes));
            results[i] = ImageFile.Decode(stored.ToArray(), "JPEG", out _);
        }
        return scope.Keep(Tensor.Cat(results, 0).To(images.Device));
    }
}
