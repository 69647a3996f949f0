using System.CommandLine;
using Posterior.Evaluation;
using Posterior.Evaluation.Reversal;
using Posterior.Imaging;
using Posterior.Models;

namespace Posterior.Cli;

/// <summary>The options of the studies of models that run a degradation backwards.</summary>
internal sealed class ReversalStudyOptions
{
    private readonly Option<string> _model = Options.RequiredText("--model", "A model of 'posterior train --task dirac' (or indi), with its card.", "MODEL");
    private readonly Option<string> _data = Options.RequiredText("--data", "The originals: a folder, .zip or glob. Never those of the training.", "IMAGES");
    private readonly Option<string> _output = Options.Output("The picture; the numbers lie beside it as .json.");
    private readonly Option<int?> _images = Options.Number<int>("--images", "How many originals, evenly spread.", "N", 20);
    private readonly Option<int?> _shrink = Options.Number<int>("--shrink", "Reduce originals by this factor first (box filter).", "F", 1);
    private readonly Option<string> _size = Options.Text("--size", "Use the centre of this size. [default: that of the training]", "WxH");
    private readonly Option<double?> _step = Options.Number<double>("--step", "The time step of the reverse process.", "DT", 0.05);
    private readonly Option<string> _perception = Options.Text("--perception", "The metric of perception: lsd, features-thumb32, or lpips-alex, lpips-vgg, lpips-squeeze with --weights. [default: lsd]", "METRIC");
    private readonly Option<string[]> _weights = Options.Several("--weights", "The weights of a metric, as lpips-alex=FILE; may be repeated.", "METRIC=FILE");
    private readonly Option<string> _dtype = Options.Text("--dtype", "The number format of the network: f32 or bf16. [default: f32]", "TYPE");
    private readonly Option<string> _device = Options.Text("--device", "cpu, cuda or cuda:INDEX. [default: cpu]", "DEVICE");
    private readonly Option<ulong?> _seed = Options.Seed();
    private readonly Option<int?> _threads = Options.Threads();

    public ReversalStudyOptions(Command command)
    {
        foreach (var option in new Option[] { _model, _data, _output, _images, _shrink, _size, _step, _perception, _weights, _dtype, _device, _seed, _threads }) command.Add(option);
    }

    /// <summary>The picture's path, found writable, and such that neither it nor the file of its numbers replaces what is read.</summary>
    public string Output(ParseResult parsed)
    {
        var path = parsed.GetRequiredValue(_output);
        ImageFile.FormatOf(path);
        var (data, model) = (parsed.GetRequiredValue(_data), ModelZoo.Find(parsed.GetRequiredValue(_model)));
        string[] weights = [.. (parsed.GetValue(_weights) ?? []).Select(text => text.Split('=', 2)[^1])];
        StudyFiles.CheckReplaceable(path, "model", "perception");
        BatchPlan.Check([new(data, path)], file => [file, StudyFiles.NumbersFor(file)], [model, Path.ChangeExtension(model, ".json"), .. weights, .. BatchPlan.FilesOf(data)]);
        OutputSet.CheckWritable(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return path;
    }

    /// <summary>The settings.</summary>
    public ReversalStudySettings Read(ParseResult parsed)
    {
        Options.Apply(parsed.GetValue(_threads));
        return new()
        {
            Model = new PriorSettings { Model = parsed.GetRequiredValue(_model), Dtype = parsed.GetValue(_dtype) ?? "f32", Device = parsed.GetValue(_device) ?? "cpu" },
            Data = parsed.GetRequiredValue(_data),
            Images = parsed.GetValue(_images) ?? 20,
            Shrink = parsed.GetValue(_shrink) ?? 1,
            Size = parsed.GetValue(_size) is { } size ? ImageSize.Parse(size) : null,
            Step = parsed.GetValue(_step) ?? 0.05,
            Perception = parsed.GetValue(_perception) ?? "lsd",
            Weights = parsed.GetValue(_weights) ?? [],
            Seed = parsed.GetValue(_seed) ?? 0,
        };
    }
}
