using System.Text.Json;
using Posterior.Torch;
using Posterior.Torch.Weights;

namespace Posterior.Cli.Tests;

/// <summary>A damaged weight file among the shipped ones.</summary>
public sealed class CatalogueTests : IClassFixture<Workspace>
{
    private readonly Workspace _workspace;

    public CatalogueTests(Workspace workspace)
    {
        _workspace = workspace;
        // Weights without a card that no known network has: somebody else's, and no defect.
        using (var scope = new Scope()) SafetensorsWriter.Write(workspace.File("models/foreign.safetensors"), [("decoder.weight", Tensor.Full([2, 3], 1))]);
        File.WriteAllBytes(workspace.File("models/broken.safetensors"), workspace.Bytes("models/photo.safetensors")[..100]);
    }

    [Fact]
    public void A_damaged_model_hides_none_of_the_others()
    {
        var run = ProgramRun.Of(_workspace, "models");
        Assert.Equal(1, run.Code);
        Assert.Contains("photo-unet", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("broken", run.Output, StringComparison.Ordinal);
        Told("posterior: broken.safetensors: ", run.Error);
    }

    [Fact]
    public void The_json_form_holds_the_others()
    {
        var run = ProgramRun.Of(_workspace, "models", "--json");
        Assert.Equal(1, run.Code);
        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal("photo", Assert.Single(json.RootElement.EnumerateArray().ToArray()).GetProperty("name").GetString());
        Told("posterior: broken.safetensors: ", run.Error);
    }

    [Fact]
    public void Doctor_names_a_damaged_model_among_what_is_wrong()
    {
        var run = ProgramRun.Of(_workspace, "doctor");
        Assert.Equal(1, run.Code);
        Assert.Matches("model broken +damaged", run.Output);
        Assert.DoesNotContain("model foreign", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("nothing is wrong", run.Output, StringComparison.Ordinal);
        Assert.Contains("posterior: model broken: broken.safetensors: ", run.Error, StringComparison.Ordinal);
    }

    private static void Told(string expected, string error)
    {
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }
}
