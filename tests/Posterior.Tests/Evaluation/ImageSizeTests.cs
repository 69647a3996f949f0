using System.Text.Json;
using Posterior.Evaluation;

namespace Posterior.Tests.Evaluation;

public sealed class ImageSizeTests
{
    [Fact]
    public void A_receipt_may_tell_of_a_larger_image_than_a_file_that_is_read()
    {
        Assert.Equal(new ImageSize(20000, 16000), JsonSerializer.Deserialize<ImageSize>("\"20000x16000\""));
        Assert.Contains("too large", Assert.Throws<FormatException>(() => ImageSize.Parse("20000x16000")).Message, StringComparison.Ordinal);
        Assert.Equal(new ImageSize(16384, 16384), ImageSize.Parse("16384"));
    }
}
