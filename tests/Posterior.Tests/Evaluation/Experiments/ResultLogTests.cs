using Posterior.Evaluation.Experiments;

namespace Posterior.Tests.Evaluation.Experiments;

public sealed class ResultLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("posterior-results-").FullName;

    private string FilePath => Path.Combine(_folder, ResultLog.FileName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Rows_come_back_as_they_were_written()
    {
        var row = Row("a") with { Metrics = new Dictionary<string, double> { ["psnr"] = 30.123456789012345, ["ssim"] = double.NaN, ["mse"] = double.PositiveInfinity } };
        new ResultLog(FilePath).Append(row);
        var read = new ResultLog(FilePath).Read()["a"];
        Assert.Equal(row.ToLine(), read.ToLine());
        Assert.Equal(row.Metrics["psnr"], read.Metrics["psnr"]);
    }

    [Fact]
    public void A_cut_off_last_line_is_not_read_and_the_next_row_has_a_line_of_its_own()
    {
        var log = new ResultLog(FilePath);
        log.Append(Row("a"));
        log.Append(Row("b"));
        using (var stream = new FileStream(FilePath, FileMode.Open)) stream.SetLength(stream.Length - 20);
        Assert.Equal(["a"], new ResultLog(FilePath).Read().Keys);
        new ResultLog(FilePath).Append(Row("c"));
        Assert.Equal(["a", "c"], new ResultLog(FilePath).Read().Keys);
        new ResultLog(FilePath).Append(Row("b"));
        Assert.Equal(["a", "c", "b"], new ResultLog(FilePath).Read().Keys);
    }

    [Fact]
    public void A_reader_sees_what_another_writer_added_since()
    {
        var (reader, writer) = (new ResultLog(FilePath), new ResultLog(FilePath));
        Assert.Empty(reader.Read());
        writer.Append(Row("a"));
        Assert.Single(reader.Read());
        writer.Append(Row("b"));
        Assert.Equal(["a", "b"], reader.Read().Keys);
    }

    [Fact]
    public void Writers_side_by_side_lose_no_row()
    {
        Parallel.For(0, 4, writer =>
        {
            var log = new ResultLog(FilePath);
            for (var i = 0; i < 25; i++)
            {
                log.Append(Row($"{writer}-{i}"));
                Assert.Contains($"{writer}-{i}", log.Read().Keys);
            }
        });
        Assert.Equal(100, new ResultLog(FilePath).Read().Count);
        Assert.Equal(100, File.ReadAllLines(FilePath).Length);
    }

    [Fact]
    public void A_piece_of_work_is_claimed_once_at_a_time()
    {
        var (first, second) = (new WorkClaims(_folder), new WorkClaims(_folder));
        var claim = first.Take("piece");
        Assert.NotNull(claim);
        Assert.Null(second.Take("piece"));
        using (var other = second.Take("other piece")) Assert.NotNull(other);
        claim.Dispose();
        using var again = second.Take("piece");
        Assert.NotNull(again);
    }

    private static ResultRow Row(string key) => new() { Key = key, Image = "image", Task = "task", Method = "method", Metrics = new Dictionary<string, double> { ["psnr"] = 1 } };
}
