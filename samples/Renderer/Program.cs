// Renders the sample pictures: dotnet run --project samples/Renderer -c Release [-- FOLDER] (default: samples/).
using System.Diagnostics;
using Posterior.Samples;

const int Size = 256;
var folder = args.Length > 0 ? args[0] : "samples";
if (args.Length > 1 || !Directory.Exists(folder))
{
    Console.Error.WriteLine($"renderer: expected one existing folder to write to, found '{string.Join(' ', args.DefaultIfEmpty(folder))}'");
    return 1;
}

(string Name, Func<int, Picture> Render)[] pictures =
[
    ("scene", StillLife.Render),
    ("lettering", Lettering.Render),
    ("landscape", Landscape.Render),
];
foreach (var (name, render) in pictures)
{
    var clock = Stopwatch.StartNew();
    var path = Path.Combine(folder, name + ".png");
    Png.Write(path, render(Size));
    Console.WriteLine($"{path}: {new FileInfo(path).Length / 1024} KiB in {clock.Elapsed.TotalSeconds:F1} s");
}

return 0;
