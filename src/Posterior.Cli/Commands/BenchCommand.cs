using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Evaluation;
using Posterior.Evaluation.Benchmarks;
using Posterior.Imaging;
using Posterior.Networks;
using Posterior.Torch;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior bench</c>: speed and memory as ratios, each with its bar.</summary>
internal static class BenchCommand
{
    private const int Starts = 9, ProbeSide = 64, QualityImages = 100;
    private const string Thumbnails = "thumb32";
    private const double VersionBar = 0.15, EvaluationBar = 1;

    private const double NeighboursBar = 0.9;

    // What 'bench' runs in processes of their own: a first evaluation, the memory of a long run with the model or a small network, a large image, evaluations beside another process.
    private const string FirstEvaluation = "first-evaluation", MemoryOfModel = "memory", MemoryOfSmall = "memory-small", LargeImage = "large-image", Throughput = "throughput";

    public static Command Create()
    {
        var json = Options.Json();
        var probe = new Option<string>("--probe") { Description = "One measurement for a process of its own.", Hidden = true };
        probe.AcceptOnlyFromAmong(FirstEvaluation, MemoryOfModel, MemoryOfSmall, LargeImage, Throughput);
        var data = Options.Text("--data", "Photographs (folder, .zip or glob): measures the quality of the model on them instead of speed.", "IMAGES");
        var images = Options.Number<int>("--images", "How many of them, evenly spread.", "N", QualityImages);
        var layers = Options.Flag("--layers", "Print where the time of an evaluation goes, layer by layer, instead.");
        var command = new Command("bench", "Measures speed and memory, with the bar of each row; takes minutes and wants an idle machine.") { json, probe, data, images, layers };
        var prior = new PriorOptions(command, conditional: false);
        command.SetAction(parsed =>
        {
            var settings = prior.Read(parsed);
            if (parsed.GetValue(probe) is { } name) return Probe(name, settings);
            if (parsed.GetValue(layers)) return Layers(parsed.GetValue(json));
            if (parsed.GetValue(images) is < 1) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"--images is {parsed.GetValue(images)}, expected 1 or more"));
            var rows = parsed.GetValue(data) is { } source ? Quality(settings, source, parsed.GetValue(images) ?? QualityImages) : Speed(settings);
            if (parsed.GetValue(json)) Terminal.Json(rows, ResultJson.Default.BenchmarkRowArray);
            else Print(rows);
            return rows.All(row => row.Holds != false) ? 0 : 1;
        });
        return command;
    }

    private static BenchmarkRow[] Quality(PriorSettings settings, string source, int count)
    {
        using var images = ImageSource.Open(source);
        using var prior = Prior.Load(settings);
        return ProgressView.Run("restoring", 1, view =>
            (BenchmarkRow[])[.. PriorQuality.Measure(prior.For(3), images, count, new Reporter<double>(share => view.Report(share, "photographs")), Interrupts.Token).SelectMany(row => row.ToBenchmarkRows())]);
    }

    private static BenchmarkRow[] Speed(PriorSettings settings) => ProgressView.Run("measuring", 1, view =>
    {
        var progress = new Reporter<string>(what => view.Report(0, what));
        NoteWithoutBFloat16();
        // A model that is named must be there; the shipped one may be missing.
        var installed = settings.Model != new PriorSettings().Model || Models.ModelZoo.Names.Contains(settings.Model);
        return (BenchmarkRow[])[.. StartUp(settings, installed), .. SpeedBenchmark.Run(progress, Interrupts.Token), .. LongRuns(settings, installed, progress), .. LargeImages(settings, installed, progress), .. Neighbours(settings, installed, progress), .. Solvers(settings, installed, progress), .. Metrics(settings, installed, progress), .. Precision(settings, installed, progress)];
    });

    private static IEnumerable<BenchmarkRow> StartUp(PriorSettings settings, bool installed)
    {
        yield return new("posterior --version", Seconds("--version"), "s", VersionBar, BarSide.AtMost);
        if (installed) yield return new("process start to the end of the first network evaluation", Seconds(ProbeArguments(FirstEvaluation, settings)), "s", EvaluationBar, BarSide.AtMost);
    }

    private static IEnumerable<BenchmarkRow> LongRuns(PriorSettings settings, bool installed, IProgress<string> progress)
    {
        progress.Report("memory of long runs");
        yield return Growth("a small network", MemoryOfSmall);
        if (installed) yield return Growth(Path.GetFileNameWithoutExtension(settings.Model), MemoryOfModel);

        BenchmarkRow Growth(string name, string probe) => new(
            $"growth of resident memory after step 50 of 1000, {name}",
            double.Parse(Output(ProbeArguments(probe, settings)), CultureInfo.InvariantCulture),
            "",
            MemoryBenchmark.Bar,
            BarSide.AtMost);
    }

    private static IEnumerable<BenchmarkRow> LargeImages(PriorSettings settings, bool installed, IProgress<string> progress)
    {
        if (!installed) return [];
        progress.Report("a photograph of 1024x768");
        return JsonSerializer.Deserialize(Output(ProbeArguments(LargeImage, settings)), ResultJson.Default.BenchmarkRowArray)!;
    }

    // Started together, so that what they measure overlaps but for a fraction of a second.
    private static IEnumerable<BenchmarkRow> Neighbours(PriorSettings settings, bool installed, IProgress<string> progress)
    {
        if (!installed) return [];
        progress.Report("two processes side by side");
        var alone = Rate();
        var together = new[] { Task.Run(Rate), Task.Run(Rate) }.Sum(rate => rate.GetAwaiter().GetResult());
        return [new($"two processes with {Path.GetFileNameWithoutExtension(settings.Model)}, evaluations a second of both over those of one alone", together / alone, "", NeighboursBar)];

        double Rate() => double.Parse(Output(ProbeArguments(Throughput, settings)), CultureInfo.InvariantCulture);
    }

    private static int Layers(bool json)
    {
        NoteWithoutBFloat16();
        var breakdowns = ProgressView.Run("measuring", 1, _ => LayerBreakdown.OfBenchmarkNetworks(Interrupts.Token).ToArray());
        if (json) Terminal.Json(breakdowns, ResultJson.Default.LayerBreakdownArray);
        else foreach (var breakdown in breakdowns) Print(breakdown);
        return 0;
    }

    private static void NoteWithoutBFloat16()
    {
        if (!FastPath.HasFastBFloat16) Terminal.Note($"the rows of bfloat16 are left out: {FastPath.WhyBFloat16IsNotFast}");
    }

    private static void Print(LayerBreakdown breakdown)
    {
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{breakdown.Network}: {breakdown.Seconds * 1e3:0.0} ms, {breakdown.Layers.Sum(layer => layer.Operations) / 1e9:0.0} GFLOP, roofline {breakdown.Roofline / 1e9:0} GFLOP/s"));
        var rest = breakdown.Seconds - breakdown.Layers.Sum(layer => layer.Seconds);
        Terminal.Table(
            ["layer", "shape", "count", "ms", "time", "GFLOP", "share of the roofline"],
            [
                .. breakdown.Layers.Select(layer => (string[])[
                    layer.Kind, layer.Shape, layer.Count.ToString(CultureInfo.InvariantCulture), Number(layer.Seconds * 1e3), Percent(layer.Seconds / breakdown.Seconds),
                    layer.Operations > 0 ? Number(layer.Operations / 1e9) : "", breakdown.Share(layer) is { } share ? Percent(share) : ""]),
                ["everything else", "", "", Number(rest * 1e3), Percent(rest / breakdown.Seconds), "", ""],
            ]);

        static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
        static string Percent(double value) => (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + " %";
    }

    private static IReadOnlyList<BenchmarkRow> Metrics(PriorSettings settings, bool installed, IProgress<string> progress)
    {
        progress.Report("metrics");
        if (!installed) return MetricBenchmark.Statistics(Interrupts.Token);
        using var prior = Prior.Load(settings);
        return [.. MetricBenchmark.Shares(prior.For(3), prior.Name, Interrupts.Token), .. MetricBenchmark.Statistics(Interrupts.Token)];
    }

    private static IReadOnlyList<BenchmarkRow> Precision(PriorSettings settings, bool installed, IProgress<string> progress)
    {
        if (!installed || !FastPath.HasFastBFloat16) return [];
        progress.Report("quality of bf16");
        return PrecisionBenchmark.Run(settings, SampleImages.Files(), Interrupts.Token);
    }

    private static IReadOnlyList<BenchmarkRow> Solvers(PriorSettings settings, bool installed, IProgress<string> progress)
    {
        var rows = new List<BenchmarkRow>();
        if (installed)
        {
            using var prior = Prior.Load(settings);
            var (denoiser, name) = (prior.For(3), prior.Name);
            progress.Report("every solver outside the network");
            rows.AddRange(CatalogueBenchmark.Shares(denoiser, name, Interrupts.Token));
            progress.Report("memory of solvers");
            rows.AddRange(CatalogueBenchmark.Memory(denoiser, name, Interrupts.Token));
        }
        if (Models.ModelZoo.Names.Contains(Thumbnails))
        {
            progress.Report("batches of thumbnails");
            using var prior = Prior.Load(settings with { Model = Thumbnails });
            rows.AddRange(CatalogueBenchmark.Batches(prior.For(3), prior.Name, Interrupts.Token));
        }
        return rows;
    }

    private static string[] ProbeArguments(string probe, PriorSettings settings) =>
    [
        "bench", "--probe", probe, "--model", settings.Model, "--device", settings.Device, "--dtype", settings.Dtype, "--tile", settings.Tile,
        .. settings.Architecture is { } architecture ? ["--arch", architecture] : Array.Empty<string>(),
    ];

    private static int Probe(string name, PriorSettings settings)
    {
        if (name == MemoryOfSmall)
        {
            using var gradients = new NoGrad();
            using var small = new Scope();
            using var network = new PhotoUNet(new PhotoUNetSettings { Widths = [16, 32], Blocks = [1, 1], EmbeddingWidth = 32 });
            network.Initialise(new SeededNoise(1));
            PrintGrowth(new EdmDenoiser(network, new EdmPreconditioning()));
            return 0;
        }
        using var prior = Prior.Load(settings);
        using var noGrad = new NoGrad();
        using var scope = new Scope();
        if (name == LargeImage) Terminal.Json([.. LargeImageBenchmark.Run(prior.For(3), prior.Name, Interrupts.Token)], ResultJson.Default.BenchmarkRowArray);
        else if (name == Throughput) Terminal.Line(NeighbourBenchmark.Rate(prior.For(prior.Channels ?? 3), prior.Channels ?? 3, Interrupts.Token).ToString("R", CultureInfo.InvariantCulture));
        else if (name == MemoryOfModel) PrintGrowth(prior.For(prior.Channels ?? 3));
        else prior.For(prior.Channels ?? 3).Denoise(new SeededNoise(1).Normal([1, prior.Channels ?? 3, ProbeSide, ProbeSide]), 1);
        return 0;
    }

    private static void PrintGrowth(Denoiser prior) => Terminal.Line(MemoryBenchmark.Growth(prior, Interrupts.Token).ToString("R", CultureInfo.InvariantCulture));

    // The median of whole processes, after one that fills the file caches.
    private static double Seconds(params string[] arguments)
    {
        var times = new List<double>();
        for (var i = 0; i <= Starts; i++)
        {
            Interrupts.Token.ThrowIfCancellationRequested();
            times.Add(Timing.Seconds(() => Output(arguments)));
        }
        return Timing.Median(times.Skip(1));
    }

    // `dotnet Posterior.Cli.dll` runs as 'dotnet'.
    private static string[] Program => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];

    private static string Output(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Program, .. arguments]) { RedirectStandardOutput = true })!;
        // Started while this one ends, it would go on alone.
        using var kill = Interrupts.Token.Register(() => process.Kill());
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Interrupts.Token.ThrowIfCancellationRequested();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"'{string.Join(' ', arguments)}' ended with code {process.ExitCode}");
    }

    private static void Print(IReadOnlyList<BenchmarkRow> rows) => Terminal.Table(
        ["name", "value", "unit", "bar", "holds"],
        [.. rows.Select(row => (string[])[row.Name, row.Value.ToString("0.####", CultureInfo.InvariantCulture), row.Unit, Bar(row), row.Holds switch { true => "yes", false => "NO", null => "" }])]);

    private static string Bar(BenchmarkRow row) => row.Bar is { } bar ? string.Create(CultureInfo.InvariantCulture, $"{(row.Side == BarSide.AtLeast ? "at least" : "at most")} {bar:0.####}") : "";
}
