using System.Diagnostics;
using Posterior.Diffusion;
using Posterior.Networks;
using Posterior.Torch;
using Posterior.Training;

namespace Posterior.Tests.Training;

/// <summary>What is left of a training that is killed, or whose disk is full.</summary>
public sealed class TrainingRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-run-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_training_killed_behind_its_checkpoint_takes_the_same_steps_again()
    {
        using var whole = Train("whole", stopAfter: null, save: false);
        // Stopped at 32 crops with a checkpoint; then killed at 56 without one, in the middle of a line and of a temporary file.
        Train("killed", stopAfter: 32, save: true).Dispose();
        Train("killed", stopAfter: 56, save: false).Dispose();
        File.AppendAllText(Path.Combine(_folder, "killed", "log.jsonl"), "{\"images_seen\":64,\"lo");
        File.WriteAllText(Path.Combine(_folder, "killed", "checkpoint.safetensors.0123.tmp"), "half of a state");

        using var resumed = Train("killed", stopAfter: null, save: false);
        Assert.Equal(96, resumed.Run.Trainer.ImagesSeen);
        Assert.Equal(whole.Run.Log.Select(entry => (entry.ImagesSeen, entry.Loss)), resumed.Run.Log.Select(entry => (entry.ImagesSeen, entry.Loss)));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_folder, "killed"), "*.tmp"));
        Assert.Equal(12, File.ReadAllLines(Path.Combine(_folder, "killed", "log.jsonl")).Length);
        foreach (var ((name, expected), (_, actual)) in whole.Run.Trainer.Network.NamedParameters.Zip(resumed.Run.Trainer.Network.NamedParameters))
            Assert.True(expected.ToArray<float>().AsSpan().SequenceEqual(actual.ToArray<float>()), name);
    }

    [Fact]
    public void A_resumed_training_knows_where_its_loss_began()
    {
        using (var first = Train("watched", stopAfter: 32, save: true))
        {
            Assert.Null(first.Run.Trainer.Watch.Beginning);
            first.Run.Trainer.Watch.Resume(2.5);
            first.Run.Save();
        }
        using var next = Train("watched", stopAfter: 56, save: true);
        Assert.Equal(2.5, next.Run.Trainer.Watch.Beginning);
    }

    [Fact]
    public void A_folder_takes_one_training_at_a_time()
    {
        using (Train("shared", stopAfter: 32, save: true))
        {
            var failure = Assert.Throws<TrainingException>(() => Train("shared", stopAfter: 56, save: true));
            Assert.Contains("another training is at work in", failure.Message, StringComparison.Ordinal);
        }
        using var next = Train("shared", stopAfter: 56, save: true);
        Assert.Equal(56, next.Run.Trainer.ImagesSeen);
        Assert.Equal(7, next.Run.Log.Count);
    }

    [SkippableFact]
    public void A_full_disk_leaves_the_last_checkpoint_as_it_is_and_says_so()
    {
        var disk = Directory.CreateDirectory(Path.Combine(_folder, "disk")).FullName;
        Skip.IfNot(Shell("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk), "needs the right to mount a small file system");
        try
        {
            Train("disk/run", stopAfter: 32, save: true).Dispose();
            var checkpoint = Path.Combine(disk, "run", "checkpoint.safetensors");
            var before = File.ReadAllBytes(checkpoint);
            using (var filler = File.Create(Path.Combine(disk, "filler")))
            {
                var room = new byte[4096];
                try
                {
                    while (true)
                    {
                        filler.Write(room);
                        filler.Flush();
                    }
                }
                catch (IOException)
                {
                    // Full.
                }
            }
            var failure = Assert.Throws<TrainingException>(() => Train("disk/run", stopAfter: 56, save: true).Dispose());
            Assert.Contains("the checkpoint after 32 crops is intact", failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', failure.Message);
            Assert.Equal(before, File.ReadAllBytes(checkpoint));
            Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(disk, "run"), "*", SearchOption.AllDirectories), file => file.EndsWith(".tmp", StringComparison.Ordinal));

            File.Delete(Path.Combine(disk, "filler"));
            using var resumed = Train("disk/run", stopAfter: 56, save: true);
            Assert.Equal(56, resumed.Run.Trainer.ImagesSeen);
        }
        finally
        {
            Shell("umount", disk);
        }
    }

    // Steps of 8 crops, each logged. Without saving, a stopped training ends like a killed one: by an exception from the middle of a step.
    private Opened Train(string name, int? stopAfter, bool save)
    {
        var network = new PhotoUNet(new() { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 });
        network.Initialise(new SeededNoise(1));
        var objective = new PriorObjective(network, new EdmPreconditioning());
        TrainingRun? run = null;
        using var stop = new CancellationTokenSource();
        try
        {
            run = new TrainingRun(Path.Combine(_folder, name), objective, TrainerTests.Stripes(), new TrainingSettings { Images = 96, Batch = 8, Crop = 16, WarmUp = 64, LearningRate = 3e-3, Seed = 2 })
            {
                LogEvery = TimeSpan.Zero,
                CheckpointEvery = TimeSpan.FromHours(1),
            };
            run.Run(logged: new Reporter<TrainingLogEntry>(entry =>
            {
                if (!save && entry.ImagesSeen == stopAfter) throw new OperationCanceledException();
            }), progress: new Reporter<TrainingStep>(step =>
            {
                if (save && step.ImagesSeen == stopAfter) stop.Cancel();
            }), cancellation: stop.Token);
        }
        catch (OperationCanceledException)
        {
            // Killed.
        }
        catch
        {
            run?.Dispose();
            objective.Dispose();
            throw;
        }
        return new(run!, objective);
    }

    private static bool Shell(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private sealed record Opened(TrainingRun Run, PriorObjective Objective) : IDisposable
    {
        public void Dispose()
        {
            Run.Dispose();
            Objective.Dispose();
        }
    }
}
