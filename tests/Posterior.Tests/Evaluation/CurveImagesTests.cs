using System.IO.Compression;
using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Tests.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

public sealed class CurveImagesTests
{
    [Fact]
    public void An_archive_gives_the_pictures_of_its_folder_in_their_order()
    {
        using var scope = new Scope();
        using var folder = new TemporaryFolder();
        var pictures = Directory.CreateDirectory(folder["pictures"]).FullName;
        for (var i = 0; i < 3; i++) ImageFile.Save(Path.Combine(pictures, $"{i}.png"), Tensor.Full([1, 3, 8, 9], 0.2 * i + 0.1));
        ZipFile.CreateFromDirectory(pictures, folder["pictures.zip"]);
        using var files = ImageSource.Open(pictures);
        using var archive = ImageSource.Open(folder["pictures.zip"]);
        var expected = CurveImages.Load(files, 3, 4);
        Assert.Equal([3, 3, 4, 4], expected.Shape.ToArray());
        Assert.Equal(expected.ToArray<float>(), CurveImages.Load(archive, 3, 4).ToArray<float>());
        Assert.Contains("'0.png' is smaller", Assert.Throws<ImageException>(() => CurveImages.Load(files, 3, 64)).Message);
    }
}
