using Posterior.Imaging;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Torch;

namespace Posterior.Cli.Tests;

/// <summary>A folder with pictures, damaged files and a tiny model with random weights, shared by the tests of a class.</summary>
public sealed class Workspace : IDisposable
{
    public Workspace()
    {
        Folder = Directory.CreateTempSubdirectory("posterior-cli-").FullName;
        Directory.CreateDirectory(File("models"));
        using var scope = new Scope();
        using var network = new PhotoUNet(new PhotoUNetSettings { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 });
        network.Initialise(new SeededNoise(1));
        // The head starts as zero: the network would give zeros.
        using (new NoGrad())
        {
            var head = network.NamedTensors.Single(pair => pair.Name == "head.weight").Tensor;
            head.CopyFrom(new SeededNoise(2).Normal([1, .. head.Shape]).Squeeze(0) * 0.05);
        }
        ModelExport.Write(File("models/photo.safetensors"), network, new ModelCard { Description = "random weights", Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaMin = 0.002, SigmaMax = 160 } });
        using (var classifier = new AdmClassifier(new AdmClassifierSettings { ImageSize = 32, ModelChannels = 32, OutChannels = 4, NumResBlocks = 1, ChannelMult = [1, 2], AttentionResolutions = [2], NumHeadChannels = 32 }))
        {
            var noise = new SeededNoise(2);
            foreach (var (_, tensor) in classifier.NamedTensors) tensor.CopyFrom(noise.Normal([1, tensor.Count]).Reshape(tensor.Shape) * 0.1);
            // Not beside the shipped models: it is no prior.
            ModelExport.Write(File("classifier.safetensors"), classifier, new ModelCard());
        }
        Picture("colour.png", 3, 32, 40, 1);
        Picture("grey.png", 1, 32, 40, 2);
        Picture("odd.png", 3, 33, 42, 3);
        var whole = System.IO.File.ReadAllBytes(File("colour.png"));
        System.IO.File.WriteAllBytes(File("truncated.png"), whole[..(whole.Length / 2)]);
        System.IO.File.WriteAllBytes(File("empty.png"), []);
        System.IO.File.WriteAllText(File("mislabelled.png"), "%PDF-1.7 not an image");
        System.IO.File.WriteAllText(File("hostile.png"), "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"file:///etc/passwd\"/></svg>");
        Mask("small-mask.png", 16, 16);
        Mask("mask.png", 32, 40);
        Array("nan.npy", double.NaN);
        Array("infinite.npy", double.PositiveInfinity);
    }

    public string Folder { get; }

    public string File(string name) => Path.Combine(Folder, name);

    public byte[] Bytes(string name) => System.IO.File.ReadAllBytes(File(name));

    public bool Exists(string name) => System.IO.File.Exists(File(name));

    /// <summary>A smooth random picture of 8 bits.</summary>
    public void Picture(string name, long channels, long height, long width, ulong seed)
    {
        using var scope = new Scope();
        var coarse = new SeededNoise(seed).Normal([1, channels, height / 8 + 1, width / 8 + 1]);
        Directory.CreateDirectory(Path.GetDirectoryName(File(name))!);
        ImageFile.Save(File(name), (coarse.UpsampleBicubic(height, width) * 0.2 + 0.5).Clamp(0.02, 0.98));
    }

    /// <summary>Files of unfinished writes, wherever they are.</summary>
    public string[] Leftovers() => [.. Directory.EnumerateFiles(Folder, ".*", SearchOption.AllDirectories), .. Directory.EnumerateFiles(Folder, "*.tmp", SearchOption.AllDirectories)];

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private void Mask(string name, long height, long width)
    {
        using var scope = new Scope();
        ImageFile.Save(File(name), new SeededNoise(5).Normal([1, 1, height, width]).Greater(0).To(DType.Float32));
    }

    private void Array(string name, double bad)
    {
        using var scope = new Scope();
        var values = Tensor.Full([3, 8, 10], 0.5);
        values.Narrow(0, 0, 1).Narrow(1, 0, 1).Fill(bad);
        NpyFile.Write(File(name), values);
    }
}
