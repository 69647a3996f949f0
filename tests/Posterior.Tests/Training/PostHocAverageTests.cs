using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Training;

namespace Posterior.Tests.Training;

public sealed class PostHocAverageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-average-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(0.05, 16.97)]
    [InlineData(0.10, 6.94)]
    public void Widths_and_exponents_are_those_of_the_paper(double width, double exponent) => Assert.Equal(exponent, PostHocAverage.ExponentOf(width), 2);

    [Fact]
    public void A_snapshot_of_the_wanted_average_is_that_average()
    {
        var coefficients = PostHocAverage.Coefficients([(500, 6.94), (500, 16.97), (1000, 6.94), (1000, 16.97)], 1000, 16.97);
        Assert.Equal([0, 0, 0, 1], coefficients.Select(value => Math.Round(value, 6) + 0.0));
    }

    [Fact]
    public void An_average_of_another_width_is_rebuilt_from_snapshots_of_two()
    {
        using var scope = new Scope();
        using var module = new Linear(3, 2);
        var wanted = PostHocAverage.ExponentOf(0.075);
        using var narrow = new PowerAverage(module, 16.97);
        using var wide = new PowerAverage(module, 6.94);
        using var truth = new PowerAverage(module, wanted);
        var noise = new SeededNoise(1);
        for (var step = 1; step <= 2000; step++)
        {
            using var inner = new Scope();
            // A drift, as of training, with noise.
            module.Weight.AddInPlace(noise.Normal([1, 6]).Reshape(2, 3) * 0.05 + 0.01);
            foreach (var average in new[] { narrow, wide, truth }) average.Update(step);
            if (step % 125 != 0) continue;
            PostHocAverage.Save(_folder, narrow, step);
            PostHocAverage.Save(_folder, wide, step);
        }
        var last = module.Weight.Clone();
        PostHocAverage.Load(_folder, module, 0.075);
        var expected = truth.State.First(weight => weight.Name == "weight").Tensor;
        var error = (module.Weight - expected).Norm().Item();
        Assert.True(error < 0.03 * (last - expected).Norm().Item(), $"{error} against {(last - expected).Norm().Item()}");
    }

    [Fact]
    public void A_folder_without_snapshots_is_refused()
    {
        using var module = new Linear(1, 1);
        Assert.Contains("--snapshots", Assert.Throws<TrainingException>(() => PostHocAverage.Load(_folder, module, 0.1)).Message, StringComparison.Ordinal);
    }
}
