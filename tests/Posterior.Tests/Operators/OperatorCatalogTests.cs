using System.Globalization;
using System.Text.Json;
using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Tests.Operators;

public sealed class OperatorCatalogTests
{
    private static readonly ImageShape _shape = new(3, 64, 64);

    public static TheoryData<string> Texts() =>
    [
        .. OperatorCatalog.Entries.Select(entry => entry.Example), "sr-bicubic8:threshold=0.1", "deblur-uniform3:boundary=reflect", "deblur-uniform3:threshold=0", "deblur-uniform3:boundary=circular,threshold=0.5",
        "deblur-gauss:sigma=0.5,size=3,threshold=0.01", "inpaint-random:0.25,seed=7", "inpaint-text:HELLO, WORLD,size=14", "kernel:a,b.png,stride=2", "kernel:k=1.png,threshold=0.5,normalize=no", "colorize:weights=0.299/0.587/0.114",
        "cs2:seed=3", "block-cs4:block=16,seed=2", "matrix:m.npy,per-channel=yes", "matrix:m.npy,threshold=0",
    ];

    [Theory]
    [MemberData(nameof(Texts))]
    public void Text_and_json_forms_read_back_as_the_same_definition(string text)
    {
        var spec = OperatorCatalog.Parse(text);
        Assert.Equal(spec, OperatorCatalog.Parse(spec.Text));
        var json = JsonSerializer.Serialize(spec);
        Assert.Equal(JsonSerializer.Serialize(spec.Text), json);
        Assert.Equal(spec, JsonSerializer.Deserialize<OperatorSpec>(json));
    }

    [Fact]
    public void A_definition_knows_whether_measurements_are_pictures_and_whether_pixels_are_missing()
    {
        foreach (var spec in OperatorCatalog.Entries.Select(entry => OperatorCatalog.Parse(entry.Example)))
        {
            using var h = spec.Bind(_shape, new SmallFiles(_shape));
            Assert.True(spec.MakesPictures == h.MakesPictures, spec.Text);
            Assert.True(spec.LeavesPixelsOut == h is Inpainting or PixelWeights, spec.Text);
        }
    }

    [Fact]
    public void Text_forms_do_not_depend_on_the_culture()
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberDecimalSeparator = ",";
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = culture;
        try
        {
            Assert.Equal("inpaint-random:0.25", OperatorCatalog.Parse("inpaint-random:0.25").Text);
            Assert.Equal("deblur-gauss:sigma=1.5,size=11", OperatorCatalog.Parse("deblur-gauss:sigma=1.5").Text);
            Assert.Contains("from 0 to 1, found '1.5'", Assert.Throws<OperatorException>(() => OperatorCatalog.Parse("inpaint-random:1.5")).Message, StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData("sr4x", "unknown operator 'sr4x', did you mean 'sr{FACTOR}'?")]
    [InlineData("bicubic4", "unknown operator 'bicubic4', did you mean 'sr-bicubic{FACTOR}[:threshold=0.03]'?")]
    [InlineData("deblur-guass:sigma=3", "unknown operator 'deblur-guass:sigma=3', did you mean 'deblur-gauss")]
    [InlineData("completelydifferent", "unknown operator 'completelydifferent'; known are denoise, inpaint:FILE")]
    [InlineData("", "unknown operator ''; known are")]
    [InlineData("sr", "operator 'sr': expected 'sr{FACTOR}', a number after the name")]
    [InlineData("sr0", "operator 'sr0': the factor must be from 2 to 256, found 0")]
    [InlineData("sr99999999999", "operator 'sr99999999999': expected 'sr{FACTOR}'")]
    [InlineData("sr4:5", "operator 'sr4:5': expected 'sr{FACTOR}', found '5'")]
    [InlineData("sr4:factor=5", "operator 'sr4:factor=5': it takes no options, found 'factor'")]
    [InlineData("denoise3", "operator 'denoise3': expected 'denoise'")]
    [InlineData("deblur-gauss:sigma=-1", "operator 'deblur-gauss:sigma=-1': 'sigma' must be a number from 0.01 to 1000, found '-1'")]
    [InlineData("deblur-gauss:sigma=NaN", "operator 'deblur-gauss:sigma=NaN': 'sigma' must be a number from 0.01 to 1000, found 'NaN'")]
    [InlineData("deblur-gauss:sigm=1", "operator 'deblur-gauss:sigm=1': unknown option 'sigm', did you mean 'sigma'?; it takes boundary, sigma, size, threshold")]
    [InlineData("deblur-gauss:sigma=1,sigma=2", "operator 'deblur-gauss:sigma=1,sigma=2': the option 'sigma' is written twice")]
    [InlineData("deblur-gauss:boundary=mirror", "operator 'deblur-gauss:boundary=mirror': 'boundary' must be one of zero, symmetric, reflect, circular, found 'mirror'")]
    [InlineData("deblur-uniform9:threshold=2", "operator 'deblur-uniform9:threshold=2': 'threshold' must be a number from 0 to 1, found '2'")]
    [InlineData("deblur-taps:v=1/2/1", "operator 'deblur-taps:v=1/2/1': expected 'deblur-taps:v=TAPS,h=TAPS")]
    [InlineData("deblur-taps:v=1/x,h=1", "operator 'deblur-taps:v=1/x,h=1': 'v' must be a number from -1000000 to 1000000, found 'x'")]
    [InlineData("inpaint", "operator 'inpaint': expected 'inpaint:FILE'")]
    [InlineData("inpaint-random:half", "operator 'inpaint-random:half': the fraction of missing pixels must be a number from 0 to 1, found 'half'")]
    [InlineData("inpaint-box:1,2,3", "operator 'inpaint-box:1,2,3': expected 'inpaint-box:X,Y,W,H' with four whole numbers, W and H positive, found '1,2,3'")]
    [InlineData("inpaint-box:1,2,-3,4", "operator 'inpaint-box:1,2,-3,4': expected 'inpaint-box:X,Y,W,H' with four whole numbers, W and H positive, found '1,2,-3,4'")]
    [InlineData("kernel:k.png,stride=0", "operator 'kernel:k.png,stride=0': 'stride' must be a whole number from 1 to 256, found '0'")]
    [InlineData("kernel:k.png,normalize=maybe", "operator 'kernel:k.png,normalize=maybe': 'normalize' must be yes or no, found 'maybe'")]
    public void A_wrong_text_is_explained_in_one_line(string text, string start) => OneLine(start, () => OperatorCatalog.Parse(text));

    [Theory]
    [InlineData("sr3", "operator 'sr3': height and width must be multiples of 3, found 64 rows x 64 columns")]
    [InlineData("sr-bicubic3", "operator 'sr-bicubic3': height and width must be multiples of 3, found 64 rows x 64 columns")]
    [InlineData("kernel:kernel.txt,stride=5", "operator 'kernel:kernel.txt,stride=5': height and width must be multiples of 5, found 64 rows x 64 columns")]
    [InlineData("block-cs4:block=48", "operator 'block-cs4:block=48': height and width must be multiples of 48, found 64 rows x 64 columns")]
    [InlineData("block-cs4096", "operator 'block-cs4096': nothing is left of 1024 pixels")]
    [InlineData("cs65536", "operator 'cs65536': nothing is left of 4096 pixels")]
    [InlineData("inpaint:large.npy", "operator 'inpaint:large.npy': the mask must be as large as the image, 64 rows x 64 columns, found 65 x 64")]
    [InlineData("inpaint:black.png", "operator 'inpaint:black.png': no pixel of 64x64 is known")]
    [InlineData("inpaint-random:1", "operator 'inpaint-random:1': no pixel of 64x64 is known")]
    [InlineData("inpaint-box:60,0,5,1", "the box x=60 y=0 w=5 h=1 is not inside the image of 64 columns x 64 rows")]
    [InlineData("inpaint-text:naïve", "a text mask is written with letters A-Z, digits and . , ! ? - :, found 'Ï'")]
    [InlineData("kernel:large.npy", "operator 'kernel:large.npy': the kernel must be a plane of at most 64 rows x 64 columns, found 65 x 64")]
    [InlineData("kernel:nan.npy", "'nan.npy' holds numbers that are not finite")]
    [InlineData("inpaint:number.npy", "'number.npy': expected a plane of numbers, rows x columns, found a single number")]
    [InlineData("kernel:number.npy", "'number.npy': expected a plane of numbers, rows x columns, found a single number")]
    [InlineData("matrix:number.npy", "'number.npy': expected a plane of numbers, rows x columns, found a single number")]
    [InlineData("kernel:zero.npy", "operator 'kernel:zero.npy': the kernel sums to zero (normalize=no takes it as it is)")]
    [InlineData("kernel:zero.npy,normalize=no", "operator 'kernel:zero.npy,normalize=no': the kernel must be finite and not zero")]
    [InlineData("matrix:large.npy", "operator 'matrix:large.npy': expected a matrix with 12288 columns for images 3x64x64, found 65 x 64")]
    [InlineData("matrix:nan.npy", "'nan.npy' holds numbers that are not finite")]
    [InlineData("colorize:weights=1/0", "operator 'colorize:weights=1/0': expected a weight for each of 3 channels, found 2")]
    [InlineData("colorize:weights=0/0/0", "operator 'colorize:weights=0/0/0': the weights must be finite and not all zero")]
    [InlineData("deblur-taps:v=1/-1,h=1", "filter taps must be finite and must not sum to zero, found 1, -1")]
    public void An_operator_that_does_not_fit_the_image_is_explained_in_one_line(string text, string start)
    {
        var spec = OperatorCatalog.Parse(text);
        OneLine(start, () => spec.Bind(_shape, new SmallFiles(_shape)));
    }

    [Theory]
    [InlineData("cs4", 3, 48, 64, "operator 'cs4': height and width must be powers of two, found 48 rows x 64 columns (block-cs takes other sizes)")]
    [InlineData("denoise", 3, 0, 64, "operator 'denoise': there are no images of shape 3x0x64")]
    [InlineData("sr4", 3, 0, 64, "operator 'sr4': the image is smaller than 4x4, the smallest that it takes")]
    [InlineData("severity-down:factor=2", 3, 0, 0, "operator 'severity-down:factor=2': the image is smaller than 2x2, the smallest that it takes")]
    public void A_size_that_an_operator_cannot_take_is_explained_in_one_line(string text, long channels, long height, long width, string start) =>
        OneLine(start, () => OperatorCatalog.Parse(text).Bind(new(channels, height, width)));

    [Fact]
    public void Images_and_measurements_of_another_shape_are_refused_in_one_line()
    {
        using var scope = new Scope();
        using var h = (SpectralOperator)OperatorCatalog.Parse("sr4").Bind(_shape);
        OneLine("operator 'sr4' takes images [N, 3, 64, 64], found Tensor [1, 3, 32, 64] Float32 cpu", () => h.Apply(Tensor.Zeros([1, 3, 32, 64])));
        OneLine("operator 'sr4' takes measurements [N, 3, 16, 16], found Tensor [1, 3, 64, 64] Float32 cpu", () => h.PseudoInverse(Tensor.Zeros([1, 3, 64, 64])));
        OneLine("operators work on Float32 and Float64 images, found Float16", () => new Colorization(new(1, 1, 1)).VT(Tensor.Zeros([1, 1, 1, 1], DType.Float16)));
    }

    [Theory]
    [InlineData("denoise", "3x10x12", null, "3x10x12")]
    [InlineData("sr4", "3x10x12", null, "3x40x48")]
    [InlineData("sr-bicubic2", "1x10x12", "20x24", "1x20x24")]
    [InlineData("kernel:kernel.txt,stride=2", "3x10x12", null, "3x20x24")]
    [InlineData("colorize", "1x10x12", null, "3x10x12")]
    [InlineData("inpaint-random:0.5", "3x10x12", null, "3x10x12")]
    [InlineData("cs4", "3x32", "16x8", "3x16x8")]
    [InlineData("block-cs4", "3x6x256", "64x96", "3x64x96")]
    [InlineData("matrix:matrix.npy", "7", "64x64", "3x64x64")]
    [InlineData("matrix:plane.npy,per-channel=yes", "3x5", "64x64", "3x64x64")]
    public void The_shape_of_the_image_follows_from_the_measurement(string text, string measurement, string? size, string expected)
    {
        var shape = OperatorCatalog.Parse(text).InputShape(Numbers(measurement), size is null ? null : (Numbers(size)[0], Numbers(size)[1]), new SmallFiles(_shape));
        Assert.Equal(expected, shape.ToString());
        using var h = OperatorCatalog.Parse(text).Bind(shape, new SmallFiles(shape));
        Assert.Equal(Numbers(measurement), h.OutputShape);
    }

    [Theory]
    [InlineData("sr4", "3x10x12", "40x40", "operator 'sr4': a measurement of 3x10x12 comes from images of 48x40, not of 40x40")]
    [InlineData("sr4", "3x10", null, "operator 'sr4': expected a measurement that is an image, channels x height x width, found 3x10")]
    [InlineData("colorize", "3x10x12", null, "operator 'colorize': expected a grey measurement of 1 channel, found 3 channels")]
    [InlineData("cs4", "3x32", null, "operator 'cs4': the measurement does not tell the size of the image, state it (--size WxH)")]
    [InlineData("cs4", "3x33", "16x8", "operator 'cs4': expected a measurement of channels x 32 numbers for images of 8x16, found 3x33")]
    [InlineData("matrix:matrix.npy", "7", "100x100", "operator 'matrix:matrix.npy': a matrix of 12288 columns does not fit images of 100x100")]
    public void A_measurement_that_does_not_fit_is_explained_in_one_line(string text, string measurement, string? size, string start) =>
        OneLine(start, () => OperatorCatalog.Parse(text).InputShape(Numbers(measurement), size is null ? null : (Numbers(size)[0], Numbers(size)[1]), new SmallFiles(_shape)));

    [Theory]
    [InlineData("denoise")]
    [InlineData("sr4")]
    [InlineData("cs4")]
    [InlineData("matrix:matrix.npy")]
    public void A_measurement_of_a_single_number_is_explained_in_one_line(string text) =>
        OneLine($"operator '{text}': expected a measurement that is an array, found a single number", () => OperatorCatalog.Parse(text).InputShape([], (64, 64), new SmallFiles(_shape)));

    [Theory]
    [InlineData("sr4", 4, 100, 52)]
    [InlineData("denoise", 1, 101, 55)]
    [InlineData("kernel:k.png,stride=3", 3, 99, 54)]
    [InlineData("block-cs4", 32, 96, 32)]
    [InlineData("cs4", 1, 64, 32)]
    public void The_largest_fit_is_a_crop_that_the_operator_takes(string text, int multiple, long height, long width)
    {
        var spec = OperatorCatalog.Parse(text);
        Assert.Equal(multiple, spec.RequiredMultiple);
        Assert.Equal(new ImageShape(3, height, width), spec.LargestFit(new(3, 101, 55)));
    }

    [Fact]
    public void The_nearest_name_is_the_one_with_the_fewest_changed_letters()
    {
        Assert.Equal(3, Spelling.Distance("kitten", "sitting"));
        Assert.Equal("ddrm", Spelling.Nearest("drm", ["ddnm", "ddrm", "dps"]));
        Assert.Null(Spelling.Nearest("zzzzz", ["ddnm", "ddrm"]));
    }

    [Theory]
    [InlineData("--version", "--json")]
    [InlineData("-x", "-o")]
    [InlineData("completely", "composed")]
    public void A_name_that_is_not_near_is_not_suggested(string name, string known) => Assert.Null(Spelling.Nearest(name, [known]));

    private static long[] Numbers(string text) => [.. text.Split('x').Select(part => long.Parse(part, CultureInfo.InvariantCulture))];

    private static void OneLine(string start, Func<object?> action)
    {
        var error = Assert.Throws<OperatorException>(action);
        Assert.StartsWith(start, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
