using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class ContactSheetTests
{
    [Fact]
    public void Images_stand_side_by_side_on_white_unchanged()
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            var grey = new SeededNoise(1).Normal([1, 1, 8, 9]).Sigmoid();
            var colour = new SeededNoise(2).Normal([1, 3, 5, 7]).Sigmoid();
            var sheet = ContactSheet.Render([[new(grey), new(colour)], [new(colour.Squeeze(0))]]);
            Assert.Equal([1, 3, 3 * 6 + 8 + 5, 3 * 6 + 9 + 7], sheet.Shape.ToArray());
            Assert.Equal(0, (sheet.Narrow(2, 6, 8).Narrow(3, 6, 9) - grey).Abs().Max().Item());
            Assert.Equal(0, (sheet.Narrow(2, 6, 5).Narrow(3, 6 + 9 + 6, 7) - colour).Abs().Max().Item());
            Assert.Equal(0, (sheet.Narrow(2, 6 + 8 + 6, 5).Narrow(3, 6, 7) - colour).Abs().Max().Item());
            Assert.Equal(1, sheet.Narrow(2, 0, 6).Min().Item());
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [SkippableFact]
    public void A_caption_is_ink_above_its_image()
    {
        using var scope = new Scope();
        var image = Tensor.Ones([1, 3, 20, 160]);
        var sheet = ContactSheet.Render([[new(image, "restored <b>30.1 dB</b> & more")]]);
        Skip.If(sheet.Size(2) == 32, "there is no font (native/packages.txt names one)");
        var band = sheet.Narrow(2, 6, sheet.Size(2) - 32);
        Assert.True(band.Min().Item() < 0.3);
        Assert.Equal(1, sheet.Narrow(2, sheet.Size(2) - 26, 26).Min().Item());
    }

    [Fact]
    public void Small_images_with_captions_are_enlarged()
    {
        using var scope = new Scope();
        var sheet = ContactSheet.Render([[new(Tensor.Full([1, 3, 32, 20], 0.25), "two"), new(Tensor.Full([1, 1, 8, 8], 0.5))]]);
        Assert.Equal(6 + 3 * 20 + 6 + 3 * 8 + 6, sheet.Size(3));
        Assert.Equal(3 * 32 * 3 * 20, (long)(sheet.Select(1, 0) - 0.25).Abs().Less(1e-6).To(DType.Float32).Sum().Item());
    }

    [Fact]
    public void A_sheet_without_images_is_refused() => Assert.Throws<ArgumentException>(() => ContactSheet.Render([[]]));
}
