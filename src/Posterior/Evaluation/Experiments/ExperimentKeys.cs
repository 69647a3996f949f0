using System.Globalization;
using System.Text.Json;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;

namespace Posterior.Evaluation.Experiments;

/// <summary>Names of results that follow from all that decides them: work that is done has the name of the work that is asked for, whatever the experiment is called.</summary>
/// <param name="experiment">The experiment.</param>
/// <param name="files">The files of its operators.</param>
/// <param name="solvers">Its solvers.</param>
/// <param name="priorOf">The model of a method.</param>
internal sealed class ExperimentKeys(Experiment experiment, OperatorFiles files, IReadOnlyDictionary<ExperimentMethod, Solver> solvers, Func<ExperimentMethod, Prior> priorOf)
{
    // Raised whenever a solver, an operator or a metric gives other results than before: older rows are done again.
    private const int Revision = 5;

    /// <summary>The key of a restoration. The solver's text holds all its settings, also those that came from defaults of another version; the prior's noise levels are the solver's where it has none.</summary>
    /// <param name="task">The task.</param>
    /// <param name="method">The method.</param>
    /// <param name="content">The hash of the image's file.</param>
    /// <param name="label">The class that the image's set gives it.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="sample">Which restoration of the measurement.</param>
    public string Of(ExperimentTask task, ExperimentMethod method, string content, int? label, ulong seed, int sample)
    {
        var (settings, model) = (experiment.PriorOf(method), priorOf(method).Model);
        var told = experiment.LabelsFor(method) ? label : settings.Class;
        return Hash(string.Create(
            CultureInfo.InvariantCulture,
            $"eval {Versions.Library} {Revision} {content} {experiment.Dataset.Size} {experiment.Dataset.Shrink} {model.Sha256} {model.Card.Meaning()} {settings.Dtype} {told} {(settings.Guidance == 1 ? "" : $"guidance {settings.Guidance:R} ")}{Measuring(task)} {task.Told:R} {task.JpegQuality} {method.Solver} {solvers[method]} {(model.Predictor as Denoiser)?.Schedule} {JsonSerializer.Serialize(method.Settings, ReceiptJson.Default.SolverSettings)} {seed} {sample}"));
    }

    /// <summary>The pictures of an original and its measurement with the first seed. Tasks that see the same part of an image share its picture.</summary>
    /// <param name="image">The image's name.</param>
    /// <param name="task">The task.</param>
    /// <param name="content">The hash of the image's file.</param>
    /// <param name="shape">The image's shape.</param>
    public PictureName PictureOf(string image, ExperimentTask task, string content, ImageShape shape)
    {
        var cut = string.Create(CultureInfo.InvariantCulture, $"{content} {experiment.Dataset.Size} {experiment.Dataset.Shrink} {OperatorCatalog.Parse(task.Operator).LargestFit(shape)}");
        return new(image, task.Name, Hash($"original {cut}"), Hash(string.Create(CultureInfo.InvariantCulture, $"measurement {Versions.Library} {Revision} {cut} {Measuring(task)} {task.JpegQuality} {experiment.Seeds[0]}")));
    }

    private string Measuring(ExperimentTask task)
    {
        var file = OperatorCatalog.Parse(task.Operator).NamedFile is { } named ? FileHash.Of(files.FullPath(named)) : "";
        return string.Create(CultureInfo.InvariantCulture, $"{task.Operator}{(task.EachImage ? " of each image" : "")} {file} {task.Sigma:R}");
    }

    private static string Hash(string text) => FileHash.OfText(text)[..32];
}
