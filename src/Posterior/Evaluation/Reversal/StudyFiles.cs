using System.Text;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation.Reversal;

/// <summary>A study's picture and, beside it, its numbers.</summary>
public static class StudyFiles
{
    /// <summary>The file of the numbers for a picture.</summary>
    public static string NumbersFor(string picture) => Path.ChangeExtension(picture, ".json");

    /// <summary>Checks that no other file is at the place of the numbers.</summary>
    /// <param name="picture">The picture's path.</param>
    /// <param name="names">Names at the top of such numbers.</param>
    /// <exception cref="ImageException">There is one, which would be lost: a model's card, say.</exception>
    public static void CheckReplaceable(string picture, params IReadOnlyList<string> names) => OwnJson.CheckReplaceable(NumbersFor(picture), "no numbers of such a picture", names);

    /// <summary>Writes both; older files are replaced only when the new ones are complete.</summary>
    /// <param name="picture">The picture's path.</param>
    /// <param name="image"><c>[1, 3, H, W]</c> in [0, 1].</param>
    /// <param name="json">The numbers.</param>
    /// <exception cref="ImageException">A file cannot be written.</exception>
    public static void Write(string picture, Tensor image, string json)
    {
        ImageFile.Save(picture, image);
        AtomicFile.Write(NumbersFor(picture), stream => stream.Write(Encoding.UTF8.GetBytes(json + "\n")));
    }
}
