using Posterior.Evaluation.Experiments;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Networks.Denoisers;
using Posterior.Tests.Documentation;
using Posterior.Tests.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Experiments;

/// <summary>Experiments in a folder, with a tiny model of two classes and random weights.</summary>
public sealed class ExperimentRunTests : IDisposable
{
    private const string Noisy = "[{operator: sr4, sigma: 0.1}]";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_image_is_restored_with_its_own_class_and_a_method_may_have_none()
    {
        Picture("set/a.png", 16, 16, 1);
        Picture("set/b.png", 16, 16, 2);
        File.WriteAllText(_folder["set/dataset.json"], """{"labels": [["a.png", 1], ["b.png", 0]], "classes": ["zero", "one"]}""");
        var labelled = Run("labels", "class: labels", "[{name: told, solver: ddrm, steps: 2}, {name: alone, solver: ddrm, steps: 2, class: none}]");
        var one = Run("one", "class: 1", "[{name: told, solver: ddrm, steps: 2}]");
        var zero = Run("zero", "class: 0", "[{name: told, solver: ddrm, steps: 2}]");
        var none = Run("none", "dtype: f32", "[{name: told, solver: ddrm, steps: 2}]");
        Assert.Equal(Psnr(one, "a.png", "told"), Psnr(labelled, "a.png", "told"));
        Assert.Equal(Psnr(zero, "b.png", "told"), Psnr(labelled, "b.png", "told"));
        Assert.NotEqual(Psnr(zero, "a.png", "told"), Psnr(labelled, "a.png", "told"));
        Assert.Equal(Psnr(none, "a.png", "told"), Psnr(labelled, "a.png", "alone"));
        var mixed = Run("mixed", "class: 1", "[{name: told, solver: ddrm, steps: 2}, {name: alone, solver: ddrm, steps: 2, class: none}]");
        Assert.Equal(Psnr(one, "a.png", "told"), Psnr(mixed, "a.png", "told"));
        Assert.Equal(Psnr(none, "a.png", "told"), Psnr(mixed, "a.png", "alone"));
        // The same work has the same key, whoever asked for it.
        Assert.Equal(one.Single(row => row.Image == "a.png").Key, labelled.Single(row => row is { Image: "a.png", Method: "told" }).Key);
    }

    [Fact]
    public void Each_image_may_have_an_operator_of_its_own_which_is_the_same_in_every_run()
    {
        Picture("set/a.png", 16, 16, 1);
        Picture("set/b.png", 16, 16, 2);
        const string each = "[{operator: random-matrix, each-image: yes}]";
        IReadOnlyList<ResultRow> Rows(string name, string tasks)
        {
            using var run = Open(name, "class: 1", "[pinv]", tasks);
            run.Run();
            return new ResultLog(_folder[$"{name}/results.jsonl"]).Read().Values.OrderBy(row => row.Image, StringComparer.Ordinal).ToArray();
        }
        var (drawn, again, one) = (Rows("each", each), Rows("again", each), Rows("one", "[random-matrix]"));
        Assert.Equal(drawn.Select(row => row.Metrics["psnr"]), again.Select(row => row.Metrics["psnr"]));
        Assert.All(drawn.Zip(one), pair => Assert.NotEqual(pair.First.Metrics["psnr"], pair.Second.Metrics["psnr"]));
        var task = new ExperimentTask { Name = "t", Operator = "random-matrix", EachImage = true };
        Assert.NotEqual(task.OperatorFor("a").Text, task.OperatorFor("b").Text);
        Assert.Contains("no random family", Assert.Throws<ExperimentException>(() => Open("wrong", "class: 1", "[pinv]", "[{operator: sr4, each-image: yes}]").Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_method_may_work_with_a_model_of_its_own_which_must_be_of_the_kind_that_it_needs()
    {
        Picture("set/a.png", 16, 16, 1);
        var weights = _folder["restorer.safetensors"];
        using (var network = new DnCnn(new DnCnnSettings { InNc = 3, OutNc = 3, Nc = 4, Nb = 3 }))
            ModelExport.Write(weights, network, new ModelCard { Role = PredictorCatalogue.Restorer });
        var methods = $"[{{name: prior, solver: ddrm, steps: 2}}, {{name: own, solver: network, model: '{weights}'}}]";
        var rows = Run("own", "class: 1", methods);
        Assert.Equal([("own", 1), ("prior", 2)], rows.Select(row => (row.Method, row.Evaluations)).Order());
        using (var run = Open("own", "class: 1", methods, Noisy)) Assert.Equal(0, run.Plan().Left);
        var error = Assert.Throws<ExperimentException>(() => Open("refused", "class: 1", $"[{{name: odd, solver: ddrm, model: '{weights}'}}]", Noisy).Dispose());
        Assert.StartsWith("method 'odd' and model 'restorer': solver 'ddrm' needs a prior, and this is", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Classes_that_the_images_or_the_model_do_not_have_are_refused()
    {
        Picture("set/a.png", 16, 16, 1);
        Assert.Contains("the dataset has none", Refusal("class: labels"), StringComparison.Ordinal);
        File.WriteAllText(_folder["set/dataset.json"], """{"labels": [["a.png", 2]]}""");
        Assert.Contains("3 classes, and model 'model' has 2", Refusal("class: labels"), StringComparison.Ordinal);
    }

    [Fact]
    public void Images_of_several_sizes_are_told_and_one_that_is_too_small_for_a_task_is_named_before_anything_runs()
    {
        Picture("set/a.png", 32, 16, 1);
        Picture("set/b.png", 16, 32, 2);
        using (var run = Open("sizes", "class: 1", "[pinv]", "[sr4]")) Assert.Contains(run.Plan().Notes, note => note.StartsWith("the images are of 2 shapes (16x32, 32x16)", StringComparison.Ordinal));
        using var boxed = Open("box", "class: 1", "[pinv]", "['inpaint-box:0,20,4,4']");
        Assert.StartsWith("task 'inpaint-box:0,20,4,4' and image 'b.png' of 32x16:", Assert.Throws<ExperimentException>(() => boxed.Plan()).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["box/results.jsonl"]));
    }

    [Fact]
    public void Rows_of_another_version_stay_in_the_file_and_are_not_shown()
    {
        Picture("set/a.png", 16, 16, 1);
        var rows = Run("versions", "class: 1", "[pinv]");
        var log = new ResultLog(_folder["versions/results.jsonl"]);
        log.Append(rows[0] with { Key = new string('0', 32), Metrics = new Dictionary<string, double> { ["psnr"] = 99 } });
        using var run = Open("versions", "class: 1", "[pinv]", Noisy);
        Assert.Equal(0, run.Plan().Left);
        Assert.Equal(rows.Select(row => row.Key), run.Describe().Rows(_folder["versions"]).Select(row => row.Key));
        Assert.Equal(2, new ResultLog(_folder["versions/results.jsonl"]).Read().Count);
    }

    [Fact]
    public void A_renamed_method_keeps_its_results_and_two_methods_of_the_same_settings_share_them()
    {
        Picture("set/a.png", 16, 16, 1);
        var first = Run("names", "class: 1", "[{name: old, solver: pinv}]");
        using var run = Open("names", "class: 1", "[{name: new, solver: pinv}, {name: twin, solver: pinv}]", Noisy);
        Assert.Equal(0, run.Plan().Left);
        var rows = run.Describe().Rows(_folder["names"]);
        Assert.Equal(["new", "twin"], rows.Select(row => row.Method));
        Assert.All(rows, row => Assert.Equal(first[0].Metrics["psnr"], row.Metrics["psnr"]));
    }

    [Fact]
    public void A_dataset_that_is_not_there_is_refused_with_what_lies_beside_it()
    {
        Picture("pictures/a.png", 16, 16, 1);
        Assert.Contains("did you mean 'pictures'?", Assert.Throws<ImageException>(() => ImageSource.Open(_folder["pictrues"])).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string> OurSize => [.. Directory.GetFiles(Path.Combine(Repository.Root, "experiments"), "*.yaml").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [SkippableTheory]
    [MemberData(nameof(OurSize))]
    public void Ready_experiments_can_be_planned(string name)
    {
        var file = Path.Combine(Repository.Root, "experiments", name);
        var experiment = ExperimentFile.Load(file);
        Skip.IfNot(File.Exists(experiment.Dataset.Path), "the archives of images are not here");
        Skip.IfNot(ModelZoo.Names.Contains(experiment.Prior.Model), $"model {experiment.Prior.Model} is not here");
        using var metrics = ExperimentMetrics.Load(experiment.Metrics.Count > 0 ? experiment.Metrics : ["psnr"], []);
        using var run = new ExperimentRun(experiment with { Dataset = experiment.Dataset with { Images = 2 }, Metrics = metrics.Names }, _folder[name], Path.GetDirectoryName(file)!, metrics);
        var plan = run.Plan();
        Assert.True(plan.Left > 0 && plan.Left == plan.Restorations);
        // Methods that a file limits to tasks must do them.
        Assert.DoesNotContain(plan.Notes, note => experiment.Methods.Any(method => method.Tasks is not null && note.StartsWith($"{method.Name} does not do", StringComparison.Ordinal)));
    }

    private static double Psnr(IReadOnlyList<ResultRow> rows, string image, string method) => rows.Single(row => row.Image == image && row.Method == method).Metrics["psnr"];

    private string Refusal(string model) => Assert.Throws<ExperimentException>(() => Open("refused", model, "[pinv]", "[sr4]").Dispose()).Message;

    private IReadOnlyList<ResultRow> Run(string name, string model, string methods)
    {
        using var run = Open(name, model, methods, Noisy);
        run.Plan();
        run.Run();
        return run.Describe().Rows(_folder[name]);
    }

    private ExperimentRun Open(string name, string model, string methods, string tasks)
    {
        var weights = _folder["model.safetensors"];
        if (!File.Exists(weights))
        {
            using var network = new PhotoUNet(new PhotoUNetSettings { Patch = 1, Classes = 2, Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 });
            using var scope = new Scope();
            var noise = new SeededNoise(5);
            foreach (var (_, tensor) in network.NamedTensors) tensor.CopyFrom(noise.Normal([1, tensor.Count]).Reshape(tensor.Shape) * 0.2);
            ModelExport.Write(weights, network, new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaMin = 0.002, SigmaMax = 160 } });
        }
        var experiment = ExperimentFile.Parse($$"""{name: t, dataset: "{{_folder["set"]}}", model: {name: "{{weights}}", {{model}}}, tasks: {{tasks}}, methods: {{methods}}, metrics: [psnr], pictures: 0}""");
        var metrics = ExperimentMetrics.Load(experiment.Metrics, []);
        return new(experiment, _folder[name], _folder.Path, metrics);
    }

    private void Picture(string name, long height, long width, ulong seed)
    {
        using var scope = new Scope();
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        ImageFile.Save(_folder[name], new SeededNoise(seed).Normal([1, 3, 4, 4]).UpsampleBilinear(height, width).Sigmoid());
    }
}
