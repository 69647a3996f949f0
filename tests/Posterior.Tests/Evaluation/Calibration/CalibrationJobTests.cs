using Posterior.Evaluation;
using Posterior.Evaluation.Calibration;
using Posterior.Imaging;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Calibration;

[Collection(LiveHandles.Name)]
public sealed class CalibrationJobTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-calibration-").FullName;

    public CalibrationJobTests()
    {
        using var scope = new Scope();
        using var network = new PhotoUNet(new PhotoUNetSettings { Widths = [8, 8], Blocks = [1, 1], EmbeddingWidth = 16 });
        network.Initialise(new SeededNoise(2));
        // An untrained network is the exact prior of independent pixels N(0, sigma_data^2).
        ModelExport.Write(Path.Combine(_folder, "tiny.safetensors"), network, new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.Edm, SigmaData = 0.2, SigmaMin = 0.002, SigmaMax = 160 } });
        Directory.CreateDirectory(Path.Combine(_folder, "in"));
        // Such images: 0.2 in [-1, 1] is 0.1 in [0, 1].
        for (var i = 0; i < 4; i++) ImageFile.Save(Path.Combine(_folder, "in", $"{i}.png"), new SeededNoise((ulong)i).Normal([1, 3, 17, 18]) * 0.1 + 0.5, new SaveOptions { Bits = 16 });
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_picture_and_a_receipt_with_the_numbers_are_written_and_made_again()
    {
        var before = LiveHandles.Count();
        var receipt = new CalibrationJob(Settings("sr2") with { Samples = 9, Images = 3, Size = new ImageSize(16, 12) }, _folder).Run(Output("out.png"));
        Assert.Equal(before, LiveHandles.Count());
        var read = Receipt.Read(Output("out.png.json"));
        Assert.Equal(receipt.Hash, read.Hash);
        Assert.Equal((3, 9, 3 * 3 * 16 * 12L), (read.CalibrationReport!.Images, read.CalibrationReport.Samples, read.CalibrationReport.Values));
        Assert.Equal(new ImageSize(16, 12), read.ImageSize);
        Assert.Equal(3 * 9 * 5, read.Evaluations);
        Assert.True(read.OutputsAreIntact(Output("out.png")));
        Directory.CreateDirectory(Path.Combine(_folder, "again"));
        var again = Rerun.Run(read, Path.Combine(_folder, "again"));
        Assert.Equal(read.Outputs[0].Sha256, again.Outputs[0].Sha256);
    }

    [Fact]
    public void Known_pixels_are_set_apart()
    {
        var report = new CalibrationJob(Settings("inpaint-random:0.5"), _folder).Run(Output("out.png")).CalibrationReport!;
        Assert.Equal(2 * 3 * 17 * 18, report.Values + report.KnownValues);
        Assert.Equal(2 * 3 * 17 * 18 / 2, report.KnownValues);
    }

    // Missing independent pixels and the deterministic flow of the exact prior: the samples are exact.
    [Fact]
    public void An_exact_prior_and_an_exact_solver_are_calibrated()
    {
        var settings = Settings("inpaint-random:0.5") with { Solver = "ddnm", SolverSettings = SolverSettings.Parse(["steps=100", "eta=0"]), Samples = 39, Images = 4 };
        var report = new CalibrationJob(settings, _folder).Run(Output("out.png")).CalibrationReport!;
        Assert.All(report.Coverage, level => Assert.Equal(level.Nominal, level.Actual!.Value, 0.06));
        Assert.Equal(1, report.Error / report.PredictedError, 0.06);
        Assert.InRange(report.Ranks.PValue!.Value, 0.001, 1);
    }

    [Fact]
    public void Cancellation_leaves_nothing_behind()
    {
        using var source = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => new CalibrationJob(Settings("sr2") with { Size = new ImageSize(16, 16) }, _folder).Run(Output("out.png"), new Reporter<double>(_ => source.Cancel()), source.Token));
        Assert.Empty(Directory.GetFiles(_folder, "*out.png*"));
    }

    [Fact]
    public void Bad_input_is_refused_before_any_work()
    {
        Assert.Contains("samples is 2", Assert.Throws<MeasurementException>(() => new CalibrationJob(Settings("sr2") with { Samples = 2 }, _folder)).Message);
        Assert.Contains("images is 0", Assert.Throws<MeasurementException>(() => new CalibrationJob(Settings("sr2") with { Images = 0 }, _folder)).Message);
        Assert.Throws<OperatorException>(() => new CalibrationJob(Settings("sr-bicubc4"), _folder));
        Assert.Throws<SolverOptionsException>(() => new CalibrationJob(Settings("sr2") with { Solver = "ddmr" }, _folder));
        Assert.Contains("smaller than the 64x64", Assert.Throws<ImageException>(() => new CalibrationJob(Settings("sr2") with { Size = new ImageSize(64, 64) }, _folder).Run(Output("out.png"))).Message);
        Assert.Contains("does not exist", Assert.Throws<ImageException>(() => new CalibrationJob(Settings("sr2") with { Data = "nowhere" }, _folder).Run(Output("out.png"))).Message);
    }

    private string Output(string name) => Path.Combine(_folder, name);

    private CalibrationSettings Settings(string operation) => new()
    {
        Data = "in",
        Operator = operation,
        SolverSettings = new() { Steps = 5 },
        Prior = new() { Model = Path.Combine(_folder, "tiny.safetensors") },
        Samples = 3,
        Images = 2,
        Seed = 1,
    };
}
