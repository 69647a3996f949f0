using Posterior.Evaluation.Experiments;
using Posterior.Evaluation.Experiments.Report;
using Posterior.Imaging;
using Posterior.Tests.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation.Experiments.Report;

/// <summary>The page in a real browser. Where there is none (Debian: chromium), these tests are skipped.</summary>
public sealed class ReportPageTests
{
    [SkippableFact]
    public async Task The_page_shows_sorts_plots_and_compares_without_a_complaint_or_a_request()
    {
        Skip.If(Chromium.Program is null, "no chromium is installed");
        using var folder = new TemporaryFolder();
        var page = ReportFolder.Write(folder.Path, ReportFolder.Fill(folder.Path, images: 3, side: 96, samples: 2, perceptual: true));
        await using var browser = await Chromium.Start(1400, 1000);
        await browser.Open(page);
        Assert.Equal(ReportFolder.Title, await browser.Text("document.title"));
        Assert.Equal(ReportFolder.Title, await browser.Text("document.querySelector('h1').textContent"));

        // Tables: a click sorts with the better end first, a second one turns it round.
        const string Methods = "[...document.querySelectorAll('#results tbody tr')].map(row => row.cells[0].textContent).join()";
        Assert.Equal("A-5,A-10,A-20,B", await browser.Text(Methods));
        Assert.Contains("lacks 3 of its ranks", await browser.Text("document.getElementById('warnings').textContent"), StringComparison.Ordinal);
        await browser.Click("#results th:nth-child(2) button");
        Assert.Equal("B,A-20,A-10,A-5", await browser.Text(Methods));
        await browser.Click("#results th:nth-child(2) button");
        Assert.Equal("A-5,A-10,A-20,B", await browser.Text(Methods));
        await browser.Click("#results th:nth-child(3) button");
        Assert.Equal("B,A-20,A-10,A-5", await browser.Text(Methods)); // of a distance the smallest first

        // Plots: all three have ink, and methods that differ in a number at the end are one line.
        foreach (var id in new[] { "by-evaluations", "by-seconds", "by-distortion" })
            Assert.True(await browser.Number($"(() => {{ const c = document.getElementById('{id}'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 3).filter(a => a > 0).length; }})()") > 1000, id);
        Assert.Equal("A:3,B:1", await browser.Text("Chart.getChart('by-evaluations').data.datasets.map(d => d.label + ':' + d.data.length).join()"));

        // Pictures: original, measurement and four methods; their differences; their deviations.
        Assert.Equal(3 * (2 + 4 + 4 + 4), await browser.Number("document.querySelectorAll('#grid .cell').length"));
        await browser.Click("#deviations");
        Assert.Equal(3 * (2 + 4 + 4), await browser.Number("document.querySelectorAll('#grid .cell').length"));
        await browser.Value("document.getElementById('pictures').scrollIntoView()");
        await browser.Until("[...document.querySelectorAll('#grid img')].slice(0, 6).every(image => image.complete && image.naturalWidth === 96)");

        // The viewer: the slider cuts, the wheel zooms, dragging moves, Escape closes.
        await browser.Click("#grid .cell:nth-of-type(6)");
        Assert.Equal("original|B", await browser.Text("document.getElementById('left').value + '|' + document.getElementById('right').value"));
        await browser.Until("document.getElementById('below').naturalWidth === 96 && document.getElementById('above').naturalWidth === 96");
        const string Cut = "parseFloat(document.getElementById('above').style.clipPath.split(' ')[1])";
        Assert.Equal(50, await browser.Number(Cut), 1.0);
        await browser.Drag("#handle", 120, 0);
        Assert.InRange(await browser.Number(Cut), 10, 45);
        const string Zoom = "parseFloat(document.getElementById('zoom').value)";
        var fitted = await browser.Number(Zoom);
        Assert.True(fitted > 200, $"{fitted}%"); // 96 pixels fill the height of the window
        await browser.Wheel("#stage", -400);
        await browser.Until($"{Zoom} > {fitted:0} * 1.5");
        var before = await browser.Text("document.getElementById('layers').style.transform");
        await browser.Drag("#stage", 60, 30);
        Assert.NotEqual(before, await browser.Text("document.getElementById('layers').style.transform"));
        await browser.Press("Escape");
        await browser.Until("!document.getElementById('viewer').open");

        // Another task.
        await browser.Value("(() => { const task = document.getElementById('task'); task.value = '1'; task.dispatchEvent(new Event('change')); })()");
        Assert.Equal(3 * (2 + 4 + 4), await browser.Number("document.querySelectorAll('#grid .cell').length"));
        Assert.Empty(browser.Problems);
    }

    [SkippableFact]
    public async Task Without_a_perceptual_column_there_is_no_plane_and_without_pictures_no_grid()
    {
        Skip.If(Chromium.Program is null, "no chromium is installed");
        using var folder = new TemporaryFolder();
        var page = ReportFolder.Write(folder.Path, ReportFolder.Fill(folder.Path, images: 2, side: 32, samples: 1, perceptual: false) with { Pictures = [] });
        await using var browser = await Chromium.Start(800, 600);
        await browser.Open(page);
        Assert.Equal("true,true,4", await browser.Text("[document.getElementById('plane').hidden, document.getElementById('pictures').hidden, document.querySelectorAll('#results tbody tr').length].join()"));
        Assert.Empty(browser.Problems);
    }

    [Fact]
    public void Text_of_an_experiment_cannot_end_the_element_that_holds_it()
    {
        using var folder = new TemporaryFolder();
        var page = File.ReadAllText(ReportFolder.Write(folder.Path, ReportFolder.Fill(folder.Path, images: 1, side: 16, samples: 1, perceptual: true)));
        Assert.DoesNotContain(ReportFolder.Title, page, StringComparison.Ordinal);
        Assert.Equal(4, page.Split("</script>").Length - 1);
        Assert.DoesNotContain("http://", page.Replace("http://www.w3.org", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Differences_and_deviations_are_what_the_page_says_they_are()
    {
        using var folder = new TemporaryFolder();
        using var scope = new Scope();
        var files = new ExperimentPictures(folder.Path);
        files.Keep("original", Tensor.Full([1, 3, 8, 8], 100 / 255.0));
        files.Keep("measurement", Tensor.Full([1, 3, 2, 2], 0.5));
        files.Keep("one", Tensor.Full([1, 3, 8, 8], 110 / 255.0));
        files.Keep("two", Tensor.Full([1, 3, 8, 8], 90 / 255.0));
        var description = ReportFolder.Fill(folder.Path, 0, 16, 2, false) with { Pictures = [new("image", "sr4", "original", "measurement")] };
        ResultRow Row(string key, int sample) => new() { Key = key, Image = "image", Task = "sr4", Method = "B", Sample = sample, Metrics = new Dictionary<string, double>() };
        var pictures = new ReportPictures(folder.Path);
        var row = Assert.Single(pictures.Rows(description, [Row("one", 0), Row("two", 1)]));
        var method = Assert.Single(row.Methods);
        var encoded = pictures.Encode().ToArray();
        Assert.Equal(pictures.Count, encoded.Length);
        Assert.Equal(100, Level(row.Original!));
        Assert.Equal(10 * ReportPictures.DifferenceScale, Level(method.Difference!));
        Assert.InRange(Level(method.Deviation!), Math.Sqrt(200) * ReportPictures.DeviationScale - 0.51, Math.Sqrt(200) * ReportPictures.DeviationScale + 0.51); // 110 and 90
        Assert.Equal((2L, 8L), (row.Measurement!.Width, row.Original!.Width));

        double Level(ReportPicture picture)
        {
            Assert.StartsWith("data:image/png;base64,", encoded[picture.Source], StringComparison.Ordinal);
            return ImageFile.Decode(Convert.FromBase64String(encoded[picture.Source].Split(',')[1]), "picture", out _).Mean().Item() * 255 is var level ? Math.Round(level, 3) : 0;
        }
    }

    [Fact]
    public void Pictures_that_do_not_fit_are_encoded_in_a_lower_quality_and_then_at_a_smaller_size()
    {
        using var folder = new TemporaryFolder();
        using var scope = new Scope();
        var files = new ExperimentPictures(folder.Path);
        files.Keep("original", new SeededNoise(1).Normal([1, 3, 256, 256]).Sigmoid());
        files.Keep("measurement", new SeededNoise(2).Normal([1, 3, 256, 256]).Sigmoid());
        files.Keep("key", new SeededNoise(3).Normal([1, 3, 256, 256]).Sigmoid());
        var description = ReportFolder.Fill(folder.Path, 0, 16, 1, false) with { Pictures = [new("image", "sr4", "original", "measurement")] };
        long Bytes(double budget)
        {
            var pictures = new ReportPictures(folder.Path, budget);
            pictures.Rows(description, [new() { Key = "key", Image = "image", Task = "sr4", Method = "B", Metrics = new Dictionary<string, double>() }]);
            return pictures.Encode().Sum(uri => uri.Length * 3L / 4);
        }
        var plenty = Bytes(20e6);
        foreach (var budget in new[] { 0.8 * plenty, 0.1 * plenty }) Assert.InRange(Bytes(budget), 1000, 1.05 * budget);
    }
}
