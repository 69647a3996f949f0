using Posterior.Evaluation.Experiments;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Experiments.Report;

/// <summary>The folder of an experiment that was never run: rows, distances and pictures of random images, for what only reads them.</summary>
internal static class ReportFolder
{
    public const string Title = "Title <b> & </script>";

    /// <summary>Fills a folder: two tasks, the methods a (three numbers of evaluations) and b, PSNR and, where wanted, a Frechet distance.</summary>
    public static ExperimentFolder Fill(string folder, int images, int side, int samples, bool perceptual)
    {
        var experiment = ExperimentFile.Parse($$"""
            name: "{{Title}}"
            dataset: none
            tasks: [sr4, denoise]
            methods:
              - {name: A-5, solver: ddrm, steps: 5}
              - {name: A-10, solver: ddrm, steps: 10}
              - {name: A-20, solver: ddrm, steps: 20}
              - {name: B, solver: pinv}
            metrics: [psnr{{(perceptual ? ", frechet-thumb32" : "")}}]
            samples: {{samples}}
            baseline: B
            pictures: {{images}}
            """);
        var (pictures, log) = (new ExperimentPictures(folder), new ResultLog(Path.Combine(folder, ResultLog.FileName)));
        var (cells, names, sets) = (new List<ExperimentCell>(), new List<PictureName>(), new List<SetResult>());
        foreach (var (task, t) in experiment.Tasks.Select((task, t) => (task, t)))
        {
            for (var i = 0; i < images; i++)
            {
                names.Add(new($"image {i}", task.Name, $"original{i}", $"measurement{i}"));
                Keep($"original{i}", i);
                Keep($"measurement{i}", i);
                foreach (var (method, m) in experiment.Methods.Select((method, m) => (method, m)))
                    for (var sample = 0; sample < samples; sample++)
                    {
                        var key = $"{t}-{i}-{m}-{sample}";
                        cells.Add(new(key, task.Name, method.Name));
                        Keep(key, i + m + sample);
                        log.Append(new() { Key = key, Image = $"image {i}", Task = task.Name, Method = method.Name, Sample = sample, Metrics = new Dictionary<string, double> { ["psnr"] = 20 + m + 0.1 * i }, Evaluations = method.Settings.Steps ?? 0, Seconds = 0.1 * (m + 1) });
                    }
            }
            if (perceptual) sets.AddRange(experiment.Methods.Select((method, m) => new SetResult(task.Name, method.Name, "frechet-thumb32", 10 - m, null, images, 3)));
        }
        return new() { Experiment = experiment, Images = images, Cells = cells, Pictures = names, Sets = sets };

        void Keep(string name, int seed)
        {
            if (pictures.Has(name)) return;
            using var scope = new Scope();
            pictures.Keep(name, new SeededNoise((ulong)seed).Normal([1, 3, side / 8, side / 8]).UpsampleBilinear(side, side).Sigmoid());
        }
    }

    /// <summary>Writes tables and page.</summary>
    public static string Write(string folder, ExperimentFolder description)
    {
        description.Write(folder, description.Rows(folder));
        return Path.Combine(folder, Posterior.Evaluation.Experiments.Report.ReportPage.FileName);
    }
}
