using System.CommandLine;
using Posterior.Evaluation;

namespace Posterior.Cli;

/// <summary>The options that choose a prior and where it runs.</summary>
internal sealed class PriorOptions
{
    private readonly Option<string> _model = Options.Text("--model", "A shipped model ('posterior models') or a weight file (.safetensors, .pt, .pth, .ckpt). [default: photo]", "MODEL");
    private readonly Option<string> _architecture = Options.Text("--arch", "A JSON file of network settings that win over those told from the weights.", "FILE");
    private readonly Option<int?> _class = Options.Number<int>("--class", "The class of the image, for class-conditional models and classifiers.", "C");
    private readonly Option<double?> _guidance = Options.Number<double>("--guidance", "Above 1 moves away from --guide, else from the model without its class (classifier-free guidance). [default: 1]", "G");
    private readonly Option<string> _guide = Options.Text("--guide", "A weaker model that --guidance moves away from (autoguidance).", "MODEL");
    private readonly Option<string> _classifier = Options.Text("--classifier", "A classifier of noisy images that pulls towards --class.", "FILE");
    private readonly Option<double?> _classifierScale = Options.Number<double>("--classifier-scale", "How strongly the classifier pulls. [default: 1]", "S");
    private readonly Option<string> _device = Options.Text("--device", "cpu, cuda or cuda:INDEX. [default: cpu]", "DEVICE");
    private readonly Option<string> _dtype = Options.Text("--dtype", "The number format of the network: f32 or bf16 (faster). [default: f32]", "TYPE");
    private readonly Option<string> _tile = Options.Text("--tile", "auto cuts large images as memory demands, off never, a number is the side of a tile. [default: auto]", "TILE");
    private readonly Option<int?> _threads = Options.Threads();
    private readonly string _defaultModel;

    public PriorOptions(Command command, string defaultModel = "photo", bool conditional = true)
    {
        _defaultModel = defaultModel;
        foreach (var option in new Option[] { _model, _architecture, _device, _dtype, _tile, _threads }) command.Add(option);
        if (!conditional) return;
        foreach (var option in new Option[] { _class, _guidance, _guide, _classifier, _classifierScale }) command.Add(option);
    }

    public PriorSettings Read(ParseResult parsed)
    {
        Options.Apply(parsed.GetValue(_threads));
        return new()
        {
            Model = parsed.GetValue(_model) ?? _defaultModel,
            Architecture = parsed.GetValue(_architecture),
            Class = parsed.GetResult(_class) is null ? null : parsed.GetValue(_class),
            Guidance = parsed.GetValue(_guidance) ?? 1,
            Guide = parsed.GetValue(_guide),
            Classifier = parsed.GetValue(_classifier),
            ClassifierScale = parsed.GetValue(_classifierScale),
            Device = parsed.GetValue(_device) ?? "cpu",
            Dtype = parsed.GetValue(_dtype) ?? "f32",
            Tile = parsed.GetValue(_tile) ?? "auto",
        };
    }
}
