using System.Globalization;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Experiments;

/// <summary>What is found out before the first restoration: images, tasks, methods and metrics that do not go together.</summary>
internal static class ExperimentChecks
{
    /// <summary>Checks that the set has labels which the model knows.</summary>
    /// <exception cref="ExperimentException">It has not.</exception>
    public static void Labels(ExperimentImages images, Prior prior)
    {
        if (!images.HasLabels) throw new ExperimentException("class: labels asks for the classes of the images, and the dataset has none (they stand in its dataset.json)");
        if (prior.ClassCount == 0) throw new ExperimentException($"class: labels tells the model the classes of the images, and model '{prior.Name}' has none");
        if (images.ClassCount > prior.ClassCount)
            throw new ExperimentException(string.Create(CultureInfo.InvariantCulture, $"class: labels tells the model {images.ClassCount} classes, and model '{prior.Name}' has {prior.ClassCount}"));
    }

    /// <summary>The images' shapes, each with the name of the first image that has it.</summary>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    public static IReadOnlyDictionary<ImageShape, string> ShapesOf(ExperimentImages images, IProgress<int>? progress, CancellationToken cancellation)
    {
        var shapes = new Dictionary<ImageShape, string>();
        for (var i = 0; i < images.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new Scope();
            shapes.TryAdd(ImageShape.Of(images.Load(i).Image), images.Name(i));
            progress?.Report(i + 1);
        }
        return shapes;
    }

    /// <summary>Checks every shape of images against every task's operator, the metrics of sets and every method's model.</summary>
    /// <returns>What makes tables mean less than they seem to.</returns>
    /// <exception cref="ExperimentException">An image is too small for a task, not of the size of a metric, or of another number of channels than a model takes.</exception>
    public static IReadOnlyList<string> Shapes(
        Experiment experiment, IReadOnlyDictionary<ImageShape, string> shapes, ExperimentMetrics metrics, Func<ExperimentTask, ImageShape, LinearOperator> bind, Action<ExperimentMethod, long> fits)
    {
        foreach (var (shape, name) in shapes)
            foreach (var task in experiment.Tasks)
            {
                using var scope = new Scope();
                try
                {
                    using var h = bind(task, shape);
                    foreach (var set in metrics.Sets) metrics.Networks[set.Network].Features.Of(Tensor.Zeros(h.InputShape.Batch(1)));
                }
                catch (Exception error) when (error is OperatorException or ArgumentException)
                {
                    throw new ExperimentException($"task '{task.Name}' and image '{name}' of {shape.Width}x{shape.Height}: {error.Message.Split('\n')[0]}");
                }
            }
        foreach (var (channels, name) in shapes.Select(shape => (shape.Key.Channels, shape.Value)).DistinctBy(shape => shape.Channels))
            foreach (var method in experiment.Methods)
            {
                try
                {
                    fits(method, channels);
                }
                catch (Models.ModelMismatchException error)
                {
                    throw new ExperimentException($"method '{method.Name}' and image '{name}': {error.Message}");
                }
            }
        return shapes.Count == 1
            ? []
            : [string.Create(CultureInfo.InvariantCulture, $"the images are of {shapes.Count} shapes ({string.Join(", ", shapes.Keys.Take(4).Select(shape => $"{shape.Width}x{shape.Height}{(shape.Channels == 1 ? " grey" : "")}"))}{(shapes.Count > 4 ? ", ..." : "")}): size cuts out centres of one size")];
    }

    /// <summary>Frechet distances whose covariances will lack ranks.</summary>
    public static IEnumerable<string> Ranks(Experiment experiment, ExperimentImages images, ExperimentMetrics metrics)
    {
        var vectors = (long)images.Count * experiment.Seeds.Count * experiment.Samples;
        return metrics.Sets.Where(set => !set.IsKernel).Select(set => (set.Name, Deficit: metrics.Networks[set.Network].Features.Count - (vectors - 1))).Where(set => set.Deficit > 0).Select(set => TableText.Deficit(set.Name, set.Deficit));
    }

    /// <summary>The methods of each task whose solver has what it needs of the operator.</summary>
    public static Dictionary<ExperimentTask, ExperimentMethod[]> Doing(Experiment experiment, IReadOnlyDictionary<ExperimentMethod, Solver> solvers, Func<ExperimentTask, ImageShape, LinearOperator> bind, ExperimentImages images)
    {
        using var scope = new Scope();
        var shape = ImageShape.Of(images.Load(0).Image);
        return experiment.Tasks.ToDictionary(task => task, task =>
        {
            using var h = bind(task, shape);
            return experiment.Methods.Where(method => method.Does(task) && solvers[method].Accepts(h)).ToArray();
        });
    }

    /// <summary>Methods that do not do a task that they are asked to do, or do it badly.</summary>
    public static IEnumerable<string> Notes(Experiment experiment, IReadOnlyDictionary<ExperimentMethod, Solver> solvers, IReadOnlyDictionary<ExperimentTask, ExperimentMethod[]> doing)
    {
        foreach (var task in experiment.Tasks)
            foreach (var method in experiment.Methods.Where(method => method.Does(task)))
            {
                if (!doing[task].Contains(method)) yield return $"{method.Name} does not do {task.Name}: it needs more than operator '{task.Operator}' offers";
                else if (task.Told > 0 && !solvers[method].HandlesNoise) yield return $"{method.Name} takes the noise of {task.Name} for image";
            }
    }
}
