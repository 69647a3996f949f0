using Posterior.Evaluation;
using Posterior.Imaging;

namespace Posterior.Tests.Evaluation;

public sealed class OutputSetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-outputs-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_result_that_cannot_be_written_leaves_the_old_one_as_it_is()
    {
        Write("old", last: null);
        var before = Contents();
        var failure = Assert.Throws<ImageException>(() => Write("new", last: path => throw new ImageException($"cannot write '{path}': the disk is full")));
        Assert.Equal($"cannot write '{Path.Combine(_folder, "x.mean.png")}': the disk is full", failure.Message);
        Assert.Equal(before, Contents());
    }

    [Fact]
    public void A_folder_in_the_place_of_a_file_is_refused_before_anything_is_replaced()
    {
        Write("old", last: null);
        File.Delete(Path.Combine(_folder, "x.mean.png"));
        Directory.CreateDirectory(Path.Combine(_folder, "x.mean.png"));
        var before = Contents();
        Assert.Contains("it is a folder", Assert.Throws<ImageException>(() => Write("new", last: null)).Message);
        Assert.Equal(before, Contents());
    }

    [Fact]
    public void The_receipt_names_the_files_as_they_are_called_in_the_end()
    {
        var receipt = Write("new", last: null);
        Assert.Equal([Path.Combine(_folder, "x.png"), Path.Combine(_folder, "x.mean.png")], receipt.Outputs.Select(file => file.Path));
        Assert.True(receipt.OutputsAreIntact(Path.Combine(_folder, "x.png")));
        Assert.Equal(3, Directory.EnumerateFiles(_folder).Count());
    }

    [Fact]
    public void Outputs_are_looked_for_beside_the_receipt_wherever_that_is_now()
    {
        var receipt = Write("new", last: null);
        var copy = Directory.CreateDirectory(Path.Combine(_folder, "copy")).FullName;
        File.Copy(Path.Combine(_folder, "x.png"), Path.Combine(copy, "x.png"));
        Assert.False(receipt.OutputsAreIntact(Path.Combine(copy, "x.png")));
        File.Move(Path.Combine(_folder, "x.mean.png"), Path.Combine(copy, "x.mean.png"));
        Assert.True(receipt.OutputsAreIntact(Path.Combine(copy, "x.png")));
        Assert.False(receipt.OutputsAreIntact(Path.Combine(_folder, "x.png")));
    }

    private Receipt Write(string text, Action<string>? last) => OutputSet.Write(Path.Combine(_folder, "x.png.json"), set =>
    {
        set.Add(Path.Combine(_folder, "x.png"), "estimate", path => File.WriteAllText(path, text));
        set.Add(Path.Combine(_folder, "x.mean.png"), "mean", last ?? (path => File.WriteAllText(path, text)));
        return new Receipt { Kind = "restore", Hash = text, Outputs = set.Files, Folder = _folder, NoiseSeeds = [], Started = "", Versions = Versions.Current };
    });

    private Dictionary<string, string> Contents() => Directory.EnumerateFiles(_folder).ToDictionary(file => file, File.ReadAllText);
}
