using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class PlotCanvasTests
{
    private static readonly PlotColour _red = new(1, 0, 0);

    [Fact]
    public void A_rectangle_covers_its_pixels_and_shares_those_on_its_edge()
    {
        using var scope = new Scope();
        var canvas = new PlotCanvas(6, 5);
        canvas.Rectangle(1, 1, 3.5, 3, _red);
        var green = canvas.ToImage().Select(1, 1).Reshape(5, 6);
        Assert.Equal([1f, 0, 0, 0.5f, 1, 1], green.Select(0, 1).ToArray<float>());
        Assert.Equal([1f, 1, 1, 1, 1, 1], green.Select(0, 0).ToArray<float>());
        Assert.Equal([1f, 1, 1, 1, 1, 1], green.Select(0, 3).ToArray<float>());
        Assert.Equal(1, canvas.ToImage().Select(1, 0).Min().Item());
    }

    [Fact]
    public void A_line_reaches_its_ends_and_stays_on_the_canvas()
    {
        using var scope = new Scope();
        var canvas = new PlotCanvas(8, 8);
        canvas.Line(0.5, 0.5, 100, 100, _red, 2);
        canvas.Disc(-50, 3, 2, _red);
        var green = canvas.ToImage().Select(1, 1).Reshape(8, 8);
        Assert.Equal(0, green.Diagonal().Max().Item());
        Assert.Equal(1, green.Select(0, 0).Select(0, 7).Item());
        Assert.Throws<ArgumentOutOfRangeException>(() => new PlotCanvas(0, 8));
    }

    [Fact]
    public void Text_stands_on_the_side_of_its_anchor()
    {
        using var scope = new Scope();
        double Ink(TextAnchor anchor, int start)
        {
            var canvas = new PlotCanvas(120, 30);
            canvas.Text(60, 15, "text", _red, anchor);
            return (1 - canvas.ToImage().Select(1, 1)).Narrow(2, start, 60).Sum().Item();
        }
        Assert.True(Ink(TextAnchor.Left, 60) > 0 && Ink(TextAnchor.Left, 0) == 0);
        Assert.True(Ink(TextAnchor.Right, 0) > 0 && Ink(TextAnchor.Right, 60) == 0);
        Assert.True(Ink(TextAnchor.Middle, 0) > 0 && Ink(TextAnchor.Middle, 60) > 0);
    }
}
