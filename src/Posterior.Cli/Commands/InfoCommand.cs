using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior info</c>: what a weight file holds, with its denoising curve as proof.</summary>
internal static class InfoCommand
{
    private const int BarWidth = 40;

    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "A weight file, or the name of a shipped model." };
        var architecture = Options.Text("--arch", "A JSON file of network settings that win over those told from the weights.", "FILE");
        var images = Options.Text("--images", "Pictures for the denoising curve. [default: the samples of the project]", "IN");
        var (curve, tensors, threads, json) = (Options.Flag("--no-curve", "Leave the denoising curve out."), Options.Flag("--tensors", "List all tensors."), Options.Threads(), Options.Json());
        var command = new Command("info", "Tells what a weight file holds and which network it is, and draws its denoising curve as proof.") { file, architecture, images, curve, tensors, threads, json };
        command.SetAction(parsed =>
        {
            Options.Apply(parsed.GetValue(threads));
            var path = ModelZoo.Find(parsed.GetRequiredValue(file));
            var options = new ModelOptions { Architecture = parsed.GetValue(architecture) is { } settings ? ModelOptions.ReadArchitecture(settings) : null };
            var contents = Contents(path, options);
            if (!parsed.GetValue(curve) && contents.Network is not (null or NetworkCatalogue.Classifier) && (contents.Card?.Role ?? PredictorCatalogue.Prior) == PredictorCatalogue.Prior) contents = contents with { Curve = Measure(path, options, parsed.GetValue(images)) };
            if (parsed.GetValue(json)) Terminal.Json(contents, ResultJson.Default.ModelContents);
            else Print(contents, path, parsed.GetValue(tensors));
            return contents.Problem is null ? 0 : Report(contents.Problem);
        });
        return command;
    }

    private static int Report(string problem)
    {
        Terminal.Problem(problem);
        return 1;
    }

    private static ModelContents Contents(string path, ModelOptions options)
    {
        using var file = WeightFile.Open(path);
        var contents = new ModelContents(Path.GetFullPath(path), file.Format.ToString(), file.Sha256(), file.Entries.Count, file.Entries.Sum(entry => entry.ElementCount));
        try
        {
            var identity = Model.Identify(path, options);
            return contents with { Network = identity.Kind.Name, Prefix = identity.Prefix.Length == 0 ? null : identity.Prefix, Card = identity.Card };
        }
        catch (ModelException failure)
        {
            return contents with { Problem = failure.Message };
        }
    }

    private static IReadOnlyList<DenoisingCurvePoint> Measure(string path, ModelOptions options, string? images)
    {
        using var scope = new Scope();
        using var model = Model.Load(path, options);
        using var source = images is null ? SampleImages.Open() : ImageSource.Open(images);
        var clean = CurveImages.Load(source, model.Denoiser.Channels ?? 3, model.Card.NativeSize);
        var seeds = Enumerable.Range(0, source.Count).Select(i => (ulong)i).ToArray();
        var levels = DenoisingCurve.Levels(model.Denoiser);
        return ProgressView.Run("denoising", levels.Length, view =>
        {
            var done = 0;
            return DenoisingCurve.Measure(model.Denoiser, clean, levels, new SeededNoise(seeds), new Reporter<DenoisingCurvePoint>(_ => view.Report(++done)), Interrupts.Token);
        });
    }

    private static void Print(ModelContents contents, string path, bool tensors)
    {
        Line("file", contents.File);
        Line("format", contents.Format);
        Line("SHA-256", contents.Sha256);
        Line("tensors", string.Create(CultureInfo.InvariantCulture, $"{contents.Tensors} with {contents.Numbers:#,0} numbers"));
        Line("network", contents.Network);
        Line("key prefix", contents.Prefix);
        if (contents.Card is { } card) PrintCard(card);
        if (tensors)
        {
            using var file = WeightFile.Open(path);
            Terminal.Line();
            foreach (var entry in file.Entries) Terminal.Line(Terminal.OneLine(entry.ToString()));
        }
        if (contents.Curve is { } curve) PrintCurve(curve);
    }

    private static void PrintCard(ModelCard card)
    {
        Line("name", card.Name);
        Line("description", card.Description);
        Line("role", card.Role);
        Line("role settings", card.RoleSettings?.ToJsonString());
        Line("channels", card.Channels?.ToString(CultureInfo.InvariantCulture));
        Line("native size", card.NativeSize?.ToString(CultureInfo.InvariantCulture));
        Line("classes", card.ClassCount is > 0 and var count ? count.ToString(CultureInfo.InvariantCulture) : null);
        Line("prediction", card.Prediction?.ToString().ToLowerInvariant());
        Line("schedule", card.Schedule?.Kind.ToString());
        Line("learned variance", card.LearnedVariance == true ? "yes" : null);
        Line("value range", card.ValueRange is { } range ? string.Join(" to ", range.Select(value => value.ToString(CultureInfo.InvariantCulture))) : "-1 to 1");
        Line("parameters", card.Parameters?.ToString("#,0", CultureInfo.InvariantCulture));
        Line("licence", card.Licence);
        Line("data", card.Data);
        Line("settings", card.Settings?.ToJsonString());
        Line("limits", card.Limits is { Count: > 0 } limits ? string.Join("; ", limits) : null);
    }

    private static void PrintCurve(IReadOnlyList<DenoisingCurvePoint> curve)
    {
        Terminal.Line();
        Terminal.Line("denoising: the share of the error of the best scaling that the network removes (1 is perfect, below 0 the weights were misunderstood)");
        Terminal.Line($"{"sigma",8}  {"RMSE",8}  {"removed",8}");
        foreach (var point in curve)
        {
            var bar = new string('#', (int)Math.Round(Math.Clamp(point.Explained, 0, 1) * BarWidth));
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{point.Sigma,8:0.###}  {Math.Sqrt(point.Error),8:0.0000}  {point.Explained,8:0.000}  {bar}").TrimEnd());
        }
    }

    private static void Line(string name, string? value)
    {
        if (!string.IsNullOrEmpty(value)) Terminal.Line($"{name,-16}  {Terminal.OneLine(value)}");
    }
}
