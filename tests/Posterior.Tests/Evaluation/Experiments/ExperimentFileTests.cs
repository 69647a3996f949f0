using Posterior.Evaluation.Experiments;
using Posterior.Tests.Documentation;

namespace Posterior.Tests.Evaluation.Experiments;

public sealed class ExperimentFileTests
{
    private const string Whole = """
        name: Title
        dataset: {path: photos.zip, images: 7, size: 64, shrink: 2}
        model: {name: thumb32, dtype: bf16, class: 3}
        tasks:
          - sr4
          - {operator: deblur-uniform9, sigma: 25/255, told-sigma: 0}
          - {name: stored, operator: sr4, jpeg: 60}
        methods:
          - ddrm
          - {name: eta 0.5, solver: ddrm, eta: 0.5, final-projection: false, tasks: [sr4, stored]}
          - {name: SSD, solver: ssd, preset: 30, tasks: [sr4]}
          - {name: SSD, solver: ssd+, preset: 100, tasks: [stored]}
        metrics: [psnr, ssim-y]
        seeds: [1, 2]
        samples: 3
        baseline: ddrm
        pictures: 0
        """;

    [Fact]
    public void Every_part_of_the_file_is_read()
    {
        var experiment = ExperimentFile.Parse(Whole);
        Assert.Equal("Title", experiment.Name);
        Assert.Equal(new ExperimentDataset { Path = "photos.zip", Images = 7, Size = 64, Shrink = 2 }, experiment.Dataset);
        Assert.Equal(("thumb32", "bf16", 3), (experiment.Prior.Model, experiment.Prior.Dtype, experiment.Prior.Class));
        Assert.Equal(["sr4", "deblur-uniform9, sigma 0.098", "stored"], experiment.Tasks.Select(task => task.Name));
        Assert.Equal((25.0 / 255, 0.0, 0.0), (experiment.Tasks[1].Sigma, experiment.Tasks[1].ToldSigma, experiment.Tasks[1].Told));
        Assert.Equal(60, experiment.Tasks[2].JpegQuality);
        Assert.Equal(("0.5", "false"), (experiment.Methods[1].Settings.Values["eta"], experiment.Methods[1].Settings.Values["final-projection"]));
        Assert.Equal("100", experiment.Methods[3].Settings.Values["preset"]);
        Assert.Equal(["psnr", "ssim-y"], experiment.Metrics);
        Assert.Equal([1ul, 2], experiment.Seeds);
        Assert.Equal((3, "ddrm", 0), (experiment.Samples, experiment.Baseline, experiment.Pictures));
    }

    [Theory]
    [InlineData("- sr4\n", "- sr_4\n", 5, "unknown operator 'sr_4'")]
    [InlineData("solver: ssd,", "solver: sdd,", 11, "did you mean 'ssd'?")]
    [InlineData("eta: 0.5", "eta: 1.5", 10, "eta is 1.5")]
    [InlineData("eta: 0.5", "eta: high", 10, "eta is 'high'")]
    [InlineData("eta: 0.5", "zeta: 0.5", 10, "zeta")]
    [InlineData("[psnr, ssim-y]", "[psnr, sim]", 13, "did you mean 'ssim'?")]
    [InlineData("tasks: [sr4]", "tasks: [sr5]", 11, "did you mean 'sr4'?")]
    [InlineData("25/255", "-1", 6, "sigma is -1")]
    [InlineData("jpeg: 60", "jpeg: 600", 7, "1 to 100")]
    [InlineData("samples: 3", "samples: 0", 15, "1 to 1000")]
    [InlineData("baseline: ddrm", "baseline: ddmr", 16, "did you mean 'ddrm'?")]
    [InlineData("seeds: [1, 2]", "seeds: [1, x]", 14, "seeds")]
    [InlineData("images: 7", "image: 7", 2, "did you mean 'images'?")]
    [InlineData("dtype: bf16", "dtype: f8", 3, "f32 or bf16")]
    [InlineData("class: 3", "class: label", 3, "class")]
    [InlineData("class: 3", "guidance: 2", 3, "guidance needs a class")]
    [InlineData("preset: 30", "preset: 30, class: all", 11, "labels (of the dataset) or none, found 'all'")]
    [InlineData("[psnr, ssim-y]", "[fids]", 13, "did you mean 'fid'?")]
    [InlineData("name: SSD, solver: ssd+", "name: ddrm, solver: ssd+", 9, "two methods are called 'ddrm'")]
    [InlineData("name: stored", "name: sr4", 5, "two tasks are called 'sr4'")]
    public void What_is_wrong_is_refused_with_its_line(string right, string wrong, int line, string expected)
    {
        Assert.Contains(right, Whole, StringComparison.Ordinal);
        var error = Assert.Throws<ExperimentException>(() => ExperimentFile.Parse(Whole.Replace(right, wrong, StringComparison.Ordinal), "file.yaml"));
        Assert.StartsWith($"file.yaml, line {line}:", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void The_classes_of_the_dataset_and_another_set_of_originals_can_be_asked_for()
    {
        var experiment = ExperimentFile.Parse(Whole.Replace("class: 3", "class: labels, guidance: 1.5", StringComparison.Ordinal) + "\nreference: {path: more.zip, shrink: 2}");
        Assert.True(experiment.UsesLabels);
        Assert.Equal(1.5, experiment.Prior.Guidance);
        Assert.Equal(new ExperimentDataset { Path = "more.zip", Shrink = 2 }, experiment.Reference);
        Assert.False(ExperimentFile.Parse(Whole).UsesLabels);
    }

    [Theory]
    [InlineData("name: Title", "name: [")]
    [InlineData("seeds: [1, 2]", "seeds: [1, 2")]
    [InlineData("baseline: ddrm", "baseline: \"ddrm")]
    [InlineData("  - sr4", "\t- sr4")]
    public void What_is_no_YAML_is_refused_in_one_line(string right, string wrong)
    {
        var error = Assert.Throws<ExperimentException>(() => ExperimentFile.Parse(Whole.Replace(right, wrong, StringComparison.Ordinal), "file.yaml"));
        Assert.StartsWith("file.yaml, line ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("name")]
    [InlineData("dataset")]
    [InlineData("tasks")]
    [InlineData("methods")]
    public void What_is_missing_is_named(string part)
    {
        var lines = Whole.Split('\n').ToList();
        var first = lines.FindIndex(line => line.StartsWith(part + ":", StringComparison.Ordinal));
        lines.RemoveAt(first);
        while (first < lines.Count && lines[first].StartsWith(' ')) lines.RemoveAt(first);
        Assert.Contains($"'{part}' is missing", Assert.Throws<ExperimentException>(() => ExperimentFile.Parse(string.Join('\n', lines))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_experiment_of_the_repository_is_read()
    {
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "experiments"), "*.yaml", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.True(Path.IsPathRooted(ExperimentFile.Load(file).Dataset.Path)));
    }

    [Fact]
    public void A_file_that_does_not_exist_is_refused() =>
        Assert.Contains("does not exist", Assert.Throws<ExperimentException>(() => ExperimentFile.Load("/nowhere/experiment.yaml")).Message, StringComparison.Ordinal);
}
