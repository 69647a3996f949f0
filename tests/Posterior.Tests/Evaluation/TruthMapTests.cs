using Posterior.Evaluation;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Evaluation;

[Collection(LiveHandles.Name)]
public sealed class TruthMapTests
{
    [Fact]
    public void Known_pixels_are_all_evidence_and_missing_ones_all_invention_exactly()
    {
        using var scope = new Scope();
        var x = Scenes.Of(3, 24, 30);
        using var h = (Inpainting)OperatorCatalog.Parse("inpaint-random:0.4").Bind(ImageShape.Of(x));
        var map = TruthMap.Of(h, x);
        Assert.Equal((x * h.Mask).ToArray<float>(), map.Evidence.ToArray<float>());
        Assert.Equal((x * (1 - h.Mask)).ToArray<float>(), map.Invention.ToArray<float>());
        Assert.True(map.Invention.Abs().Max().Item() > 0);
    }

    [Fact]
    public void A_denoised_image_is_all_evidence()
    {
        using var scope = new Scope();
        var x = Scenes.Of(3, 24, 30);
        using var h = new Identity(ImageShape.Of(x));
        var map = TruthMap.Of(h, x);
        Assert.Equal(x.ToArray<float>(), map.Evidence.ToArray<float>());
        Assert.Equal(0, map.Invention.Abs().Max().Item());
        Assert.Equal(0, map.Energy().Invention);
    }

    [Theory]
    [InlineData("sr4")]
    [InlineData("deblur-uniform9")]
    [InlineData("colorize")]
    [InlineData("cs4")]
    [InlineData("deblur-aniso")]
    public void Both_parts_are_orthogonal_add_up_and_only_the_evidence_is_measured(string op)
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            var x = Scenes.Of(3, 32, 32).To(DType.Float64);
            using var h = (LinearOperator)OperatorCatalog.Parse(op).Bind(ImageShape.Of(x), dtype: DType.Float64);
            var map = TruthMap.Of(h, x);
            Assert.True((map.Evidence + map.Invention - x).Abs().Max().Item() < 1e-12);
            Assert.True(h.Apply(map.Invention).Abs().Max().Item() < 1e-9);
            Assert.True((h.PseudoInverse(h.Apply(x)) - map.Evidence).Abs().Max().Item() < 1e-9);
            var energy = map.Energy();
            Assert.Equal(x.Square().Mean().Item() / 4, energy.Evidence * energy.Evidence + energy.Invention * energy.Invention, 1e-10);
        }
        Assert.Equal(before, LiveHandles.Count());
    }

    [Fact]
    public void An_operator_without_singular_values_is_split_by_conjugate_gradients()
    {
        using var scope = new Scope();
        var x = Scenes.Of(1, 16, 16).To(DType.Float64);
        var shape = ImageShape.Of(x);
        using var average = new BlockAverage(shape, 4) { DType = DType.Float64 };
        using var mirror = new UserOperator(shape, [1, 16, 16], y => y.Flip(3), y => y.Flip(3));
        var (found, expected) = (TruthMap.Of(average * mirror, x), TruthMap.Of(average, x.Flip(3)));
        Assert.True((found.Evidence - expected.Evidence.Flip(3)).Abs().Max().Item() < 1e-6);
    }

    [Fact]
    public void The_picture_shows_three_images_and_with_samples_a_fourth_in_which_deviation_is_red()
    {
        using var scope = new Scope();
        var x = Scenes.Of(1, 64, 80);
        using var h = new Inpainting(ImageShape.Of(x), Masks.Box(ImageShape.Of(x), 0, 0, 64, 40));
        var map = TruthMap.Of(h, x);
        Assert.Equal(3 * 80 + 4 * 6, map.Render().Size(3));
        var deviation = Tensor.Zeros([1, 1, 64, 80]);
        deviation.Narrow(3, 0, 40).Fill(0.2);
        var picture = map.Render(deviation);
        Assert.Equal(4 * 80 + 5 * 6, picture.Size(3));
        var last = picture.Narrow(2, picture.Size(2) - 6 - 64, 64).Narrow(3, 4 * 6 + 3 * 80, 80);
        Assert.Equal([1f, 0, 0], last.Narrow(3, 0, 40).Mean([0, 2, 3]).ToArray<float>(), (a, b) => Math.Abs(a - b) < 1e-5);
        var quiet = last.Narrow(3, 40, 40);
        Assert.True((quiet - ValueRange.ToUnit(x.Narrow(3, 40, 40)).Clamp(0, 1)).Abs().Max().Item() < 1e-6);
    }
}
