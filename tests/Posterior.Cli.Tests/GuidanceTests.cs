using System.Text.Json;

namespace Posterior.Cli.Tests;

/// <summary>Samplers and guidance through the program.</summary>
public sealed class GuidanceTests(Workspace workspace) : IClassFixture<Workspace>
{
    [Fact]
    public void Samples_with_a_classifier_name_it_in_their_receipt_and_come_again()
    {
        Sample("guided.png", "--classifier", "classifier.safetensors", "--class", "2", "--classifier-scale", "50", "--sampler", "ddim", "--steps", "4");
        Sample("free.png", "--sampler", "ddim", "--steps", "4");
        Assert.NotEqual(workspace.Bytes("free.png"), workspace.Bytes("guided.png"));
        using (var receipt = JsonDocument.Parse(workspace.Bytes("guided.png.json")))
        {
            Assert.Equal(workspace.File("classifier.safetensors"), receipt.RootElement.GetProperty("classifier").GetProperty("path").GetString());
            Assert.Equal(8, receipt.RootElement.GetProperty("evaluations").GetInt32());
        }
        using var same = JsonDocument.Parse(ProgramRun.Of(workspace, "rerun", "guided.png.json", "--json").Succeeded().Output);
        Assert.True(same.RootElement.GetProperty("identical").GetBoolean());
    }

    [Fact]
    public void A_restoration_takes_the_same_guidance_and_a_changed_classifier_is_found()
    {
        File.Copy(workspace.File("classifier.safetensors"), workspace.File("mine.safetensors"));
        workspace.Picture("square.png", 3, 32, 32, 7);
        ProgramRun.Of(workspace, "restore", "square.png", "--operator", "denoise", "--sigma", "0.1", "--steps", "3", "--classifier", "mine.safetensors", "--class", "1", "--classifier-scale", "20", "-o", "cc.png").Succeeded();
        using (var same = JsonDocument.Parse(ProgramRun.Of(workspace, "rerun", "cc.png.json", "--json").Succeeded().Output))
        {
            Assert.True(same.RootElement.GetProperty("identical").GetBoolean());
        }
        File.AppendAllText(workspace.File("mine.safetensors"), " ");
        Assert.Contains("mine.safetensors' has changed", ProgramRun.Of(workspace, "rerun", "cc.png.json").RefusedLine());
    }

    [Fact]
    public void Autoguidance_asks_two_networks_and_samplers_take_their_settings()
    {
        File.Copy(workspace.File("models/photo.safetensors"), workspace.File("weaker.safetensors"), overwrite: true);
        File.Copy(workspace.File("models/photo.json"), workspace.File("weaker.json"), overwrite: true);
        Sample("auto.png", "--guide", "weaker.safetensors", "--guidance", "2", "--sampler", "euler", "--steps", "4", "--churn", "2", "--schedule", "geometric");
        using var receipt = JsonDocument.Parse(workspace.Bytes("auto.png.json"));
        Assert.Equal(16, receipt.RootElement.GetProperty("evaluations").GetInt32());
        Assert.Equal("geometric", receipt.RootElement.GetProperty("sampling").GetProperty("sampler_settings").GetProperty("schedule").GetString());
    }

    [Theory]
    [InlineData("found a photo-unet", "--classifier", "models/photo.safetensors", "--class", "1")]
    [InlineData("found a adm-classifier", "--guide", "classifier.safetensors", "--guidance", "2")]
    [InlineData("needs a class to pull towards", "--classifier", "classifier.safetensors")]
    [InlineData("has the classes 0 to 3, not 9", "--classifier", "classifier.safetensors", "--class", "9")]
    [InlineData("needs a class (--class) or a weaker model", "--guidance", "2")]
    [InlineData("does nothing at guidance 1", "--guide", "photo")]
    [InlineData("needs a classifier (--classifier)", "--classifier-scale", "2")]
    [InlineData("guidance is -1, expected 0 to 100", "--guidance", "-1")]
    [InlineData("found neither", "--classifier", "nowhere.pt", "--class", "1")]
    public void Guidance_that_makes_no_sense_is_refused(string expected, params string[] arguments)
    {
        Assert.Contains(expected, ProgramRun.Of(workspace, ["sample", "-o", "out.png", .. arguments]).RefusedLine());
        Nothing();
    }

    [Fact]
    public void A_restoration_refuses_guidance_that_makes_no_sense_too()
    {
        Assert.Contains("found a photo-unet", ProgramRun.Of(workspace, "restore", "colour.png", "--operator", "sr2", "--classifier", "models/photo.safetensors", "--class", "1", "-o", "out.png").RefusedLine());
        Nothing();
    }

    [Theory]
    [InlineData("did you mean 'heun'?", "--sampler", "huen")]
    [InlineData("has no setting eta", "--eta", "0.5")]
    [InlineData("steps is 0", "--steps", "0")]
    [InlineData("churn-noise is 7", "--churn-noise", "7")]
    [InlineData("did you mean 'karras'?", "--schedule", "karas")]
    [InlineData("no spacing of time steps", "--sampler", "ddim", "--respacing", "ddim999999")]
    public void A_sampler_or_setting_that_does_not_exist_is_refused(string expected, params string[] arguments)
    {
        Assert.Contains(expected, ProgramRun.Of(workspace, ["sample", "-o", "out.png", .. arguments]).RefusedLine());
        Nothing();
    }

    [Fact]
    public void An_image_that_a_classifier_cannot_judge_is_refused_before_the_first_step()
    {
        Assert.Contains("takes images of 32x32, this one has 40x32", ProgramRun.Of(workspace, "restore", "colour.png", "--operator", "denoise", "--classifier", "classifier.safetensors", "--class", "1", "-o", "out.png").RefusedLine());
        Assert.Contains("takes images of 32x32, this one has 64x64", ProgramRun.Of(workspace, "sample", "--classifier", "classifier.safetensors", "--class", "1", "-o", "out.png").RefusedLine());
        Nothing();
    }

    private void Sample(string output, params string[] arguments) => ProgramRun.Of(workspace, ["sample", "--count", "2", "--size", "32", "-o", output, .. arguments]).Succeeded();

    private void Nothing()
    {
        Assert.False(workspace.Exists("out.png"), "an output was written");
        Assert.Empty(workspace.Leftovers());
    }
}
