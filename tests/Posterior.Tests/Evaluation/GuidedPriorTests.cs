using Posterior.Evaluation;
using Posterior.Models;
using Posterior.Networks;
using Posterior.Networks.Adm;
using Posterior.Tests.Models;
using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Tests.Evaluation;

/// <summary>Guidance by settings is guidance by hand.</summary>
[Collection(LiveHandles.Name)]
public sealed class GuidedPriorTests : IClassFixture<CheckpointFixture>
{
    private const double Sigma = 0.8;
    private readonly string _model, _plain, _weak, _classifier;

    public GuidedPriorTests(CheckpointFixture files)
    {
        var edm = new ModelCard { Schedule = new ScheduleCard { Kind = ScheduleKind.Edm } };
        _model = Write(files, "classes.safetensors", new PhotoUNet(new() { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16, Classes = 5 }), 1, edm);
        _plain = Write(files, "plain.safetensors", new PhotoUNet(new() { Widths = [8, 16], Blocks = [1, 1], EmbeddingWidth = 16 }), 2, edm);
        _weak = Write(files, "weak.safetensors", new PhotoUNet(new() { Widths = [8, 8], Blocks = [1, 1], EmbeddingWidth = 16 }), 3, edm);
        _classifier = Write(files, "classifier.safetensors", new AdmClassifier(new() { ImageSize = 16, ModelChannels = 32, OutChannels = 4, NumResBlocks = 1, ChannelMult = [1, 2], AttentionResolutions = [2], NumHeadChannels = 32 }), 4, new());
    }

    [Fact]
    public void Classifier_free_guidance_moves_away_from_the_model_without_its_class()
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            var x = Images();
            using var guided = Prior.Load(new() { Model = _model, Class = 2, Guidance = 3 });
            using var alone = Prior.Load(new() { Model = _model });
            using var labelled = Prior.Load(new() { Model = _model, Class = 2 });
            var (weak, strong) = (alone.For(3).Denoise(x, Sigma), labelled.For(3).Denoise(x, Sigma));
            Close(weak + (strong - weak) * 3, guided.For(3).Denoise(x, Sigma));
            Assert.True((strong - weak).Abs().Max().Item() > 1e-4, "the class changes nothing");
        }
        Assert.Equal(before, LiveHandles.Count());
    }

    [Fact]
    public void Autoguidance_moves_away_from_a_weaker_model_and_gives_it_the_class_where_it_knows_classes()
    {
        using var scope = new Scope();
        var x = Images();
        using var guided = Prior.Load(new() { Model = _plain, Guide = _weak, Guidance = 2 });
        var (weak, strong) = (Alone(_weak, x), Alone(_plain, x));
        Close(weak + (strong - weak) * 2, guided.For(3).Denoise(x, Sigma));
        using var classes = Prior.Load(new() { Model = _model, Class = 1, Guide = _weak, Guidance = 2 });
        using var labelled = Prior.Load(new() { Model = _model, Class = 1 });
        Close(weak + (labelled.For(3).Denoise(x, Sigma) - weak) * 2, classes.For(3).Denoise(x, Sigma));
    }

    [Fact]
    public void A_classifier_adds_its_gradient_and_works_for_grey_images_and_unconditional_models()
    {
        using var scope = new Scope();
        var x = Images();
        using var guided = Prior.Load(new() { Model = _plain, Classifier = _classifier, Class = 3, ClassifierScale = 5 });
        using var classifier = Model.LoadClassifier(_classifier);
        var root = Math.Sqrt(1 + Sigma * Sigma);
        var gradient = classifier.For(3).Gradient(x / root, Sigma);
        Assert.True(gradient.Abs().Max().Item() > 1e-4, "the classifier is flat");
        Close(Alone(_plain, x) + gradient * (5 * Sigma * Sigma / root), guided.For(3).Denoise(x, Sigma));
        Assert.Equal([1, 1, 16, 16], guided.For(1).Denoise(x.Narrow(0, 0, 1).Narrow(1, 0, 1), Sigma).Shape.ToArray());
        guided.CheckSize(16, 16);
        Assert.Contains("takes images of 16x16, this one has 32x16", Assert.Throws<ModelMismatchException>(() => guided.CheckSize(16, 32)).Message);
    }

    [Fact]
    public void Settings_of_guidance_that_contradict_each_other_are_refused_before_weights_are_read()
    {
        Refused("needs a class (--class) or a weaker model (--guide)", new() { Model = _model, Guidance = 2 });
        Refused("does nothing at guidance 1", new() { Model = _model, Guide = _weak });
        Refused("a classifier needs a class", new() { Model = _model, Classifier = _classifier });
        Refused("needs a classifier (--classifier)", new() { Model = _model, ClassifierScale = 2 });
        Refused("guidance is NaN", new() { Model = _model, Guidance = double.NaN });
        Refused("classifier-scale is -1", new() { Model = _model, Class = 1, Classifier = _classifier, ClassifierScale = -1 });
        Refused("weak.safetensors: expected a classifier of noisy images, found a photo-unet", new() { Model = _model, Class = 1, Classifier = _weak });
        Refused("classifier.safetensors: expected a denoiser, found a adm-classifier", new() { Model = _model, Guide = _classifier, Guidance = 2 });
    }

    [Fact]
    public void Classes_that_a_model_lacks_are_refused()
    {
        Refused("has the classes 0 to 4, not 9", new() { Model = _model, Class = 9 });
        Refused("has the classes 0 to 3, not 4", new() { Model = _model, Class = 4, Classifier = _classifier });
        Refused("has no classes, so it takes no --class", new() { Model = _plain, Class = 1 });
        Refused("has no classes, so guidance needs a weaker model", new() { Model = _plain, Class = 1, Classifier = _classifier, Guidance = 2 });
    }

    [Fact]
    public void A_guide_and_a_classifier_are_refused_where_there_is_no_prior_to_guide()
    {
        Refused("model 'dirac-deblur' is no prior, so it takes no --guide", new() { Model = "dirac-deblur", Guide = _weak, Guidance = 2 });
        Refused("model 'thumb32-palette' is no prior, so it takes no --classifier", new() { Model = "thumb32-palette", Class = 1, Classifier = _classifier });
    }

    private static void Refused(string expected, PriorSettings settings)
    {
        var before = LiveHandles.Count();
        Assert.Contains(expected, Assert.Throws<ModelException>(() => Prior.Load(settings)).Message);
        Assert.Equal(before, LiveHandles.Count());
    }

    private static Tensor Images() => new SeededNoise(5, 6).Normal([2, 3, 16, 16]);

    private static Tensor Alone(string model, Tensor x)
    {
        using var prior = Prior.Load(new() { Model = model });
        return prior.For(3).Denoise(x, Sigma);
    }

    private static void Close(Tensor expected, Tensor found) => Assert.True((expected - found).Abs().Max().Item() < 2e-4 * Math.Max(1, expected.Abs().Max().Item()), $"{expected} {found}");

    private static string Write(CheckpointFixture files, string name, Module network, ulong seed, ModelCard card)
    {
        using (network)
        using (var scope = new Scope())
        {
            files.Write(name, CheckpointFixture.RandomWeights(network, seed));
            card.Write(Path.ChangeExtension(files.Path(name), ".json"));
        }
        return files.Path(name);
    }
}
