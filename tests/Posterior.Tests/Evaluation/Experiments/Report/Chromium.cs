using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Posterior.Tests.Evaluation.Experiments.Report;

/// <summary>A headless Chromium through its debugging protocol: real clicks, drags and wheels, and everything that a page complains of.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(90);
    private static readonly string[] _names = ["chromium", "chromium-browser", "google-chrome"];

    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket = new();
    private int _calls;

    private Chromium(Process process, string profile) => (_process, _profile) = (process, profile);

    /// <summary>The program; null where it is not installed.</summary>
    public static string? Program => _names.SelectMany(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    /// <summary>Exceptions, errors on the console, and requests that leave the page.</summary>
    public List<string> Problems { get; } = [];

    public static async Task<Chromium> Start(int width, int height)
    {
        var profile = Directory.CreateTempSubdirectory("posterior-chromium-").FullName;
        var process = Process.Start(new ProcessStartInfo(
            Program!, ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0", $"--user-data-dir={profile}", string.Create(CultureInfo.InvariantCulture, $"--window-size={width},{height}"), "about:blank"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        var chromium = new Chromium(process, profile);
        try
        {
            await chromium.Connect();
            return chromium;
        }
        catch
        {
            await chromium.DisposeAsync();
            throw;
        }
    }

    public async Task Open(string file)
    {
        await Send("Page.navigate", new JsonObject { ["url"] = new Uri(file).AbsoluteUri });
        await Until("document.readyState === 'complete' && 'ready' in document.documentElement.dataset");
    }

    /// <summary>The value of an expression.</summary>
    public async Task<JsonNode?> Value(string expression)
    {
        var result = await Send("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true });
        return result["exceptionDetails"] is { } failure ? throw new InvalidOperationException($"{expression}: {failure.ToJsonString()}") : result["result"]!["value"];
    }

    public async Task<string> Text(string expression) => (await Value(expression))?.ToString() ?? "";

    public async Task<double> Number(string expression) => (double)(await Value(expression))!;

    /// <summary>Waits until an expression holds.</summary>
    public async Task Until(string expression)
    {
        for (var clock = Stopwatch.StartNew(); (await Value($"!!({expression})"))?.GetValue<bool>() != true; await Task.Delay(20))
            if (clock.Elapsed > _patience) throw new TimeoutException($"'{expression}' does not come true: {string.Join("; ", Problems)}");
    }

    /// <summary>Clicks in the middle of an element.</summary>
    public async Task Click(string selector)
    {
        var (x, y) = await Middle(selector);
        await Mouse("mousePressed", x, y, "left");
        await Mouse("mouseReleased", x, y, "left");
    }

    /// <summary>Presses in the middle of an element and moves by a distance in pixels.</summary>
    public async Task Drag(string selector, double right, double down)
    {
        var (x, y) = await Middle(selector);
        await Mouse("mousePressed", x, y, "left");
        await Mouse("mouseMoved", x + right / 2, y + down / 2, "left");
        await Mouse("mouseMoved", x + right, y + down, "left");
        await Mouse("mouseReleased", x + right, y + down, "left");
    }

    /// <summary>Turns the wheel over an element; negative is away from the user.</summary>
    public async Task Wheel(string selector, double delta)
    {
        var (x, y) = await Middle(selector);
        await Send("Input.dispatchMouseEvent", new JsonObject { ["type"] = "mouseWheel", ["x"] = x, ["y"] = y, ["deltaX"] = 0, ["deltaY"] = delta });
    }

    public async Task Press(string key)
    {
        var code = key == "Escape" ? 27 : 0;
        await Send("Input.dispatchKeyEvent", new JsonObject { ["type"] = "keyDown", ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code });
        await Send("Input.dispatchKeyEvent", new JsonObject { ["type"] = "keyUp", ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code });
    }

    /// <summary>What is on the screen, as the bytes of a PNG file.</summary>
    public async Task<byte[]> Screenshot() => Convert.FromBase64String((await Send("Page.captureScreenshot", []))["data"]!.GetValue<string>());

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        try
        {
            Directory.Delete(_profile, recursive: true);
        }
        catch (IOException)
        {
            // A helper process may still write a file.
        }
    }

    private async Task Connect()
    {
        var port = Path.Combine(_profile, "DevToolsActivePort");
        var clock = Stopwatch.StartNew();
        while (!File.Exists(port) || File.ReadAllLines(port).Length < 2)
        {
            if (_process.HasExited || clock.Elapsed > _patience) throw new InvalidOperationException($"{Program} does not start");
            await Task.Delay(20);
        }
        using var client = new HttpClient();
        while (true)
        {
            var pages = JsonNode.Parse(await client.GetStringAsync($"http://127.0.0.1:{File.ReadAllLines(port)[0]}/json/list"))!.AsArray();
            if (pages.FirstOrDefault(page => page!["type"]!.GetValue<string>() == "page") is { } page)
            {
                await _socket.ConnectAsync(new Uri(page["webSocketDebuggerUrl"]!.GetValue<string>()), CancellationToken.None);
                break;
            }
            if (clock.Elapsed > _patience) throw new InvalidOperationException($"{Program} opens no page");
            await Task.Delay(20);
        }
        foreach (var domain in new[] { "Page", "Runtime", "Log", "Network" }) await Send(domain + ".enable", []);
    }

    private Task<JsonNode> Mouse(string type, double x, double y, string button) =>
        Send("Input.dispatchMouseEvent", new JsonObject { ["type"] = type, ["x"] = x, ["y"] = y, ["button"] = button, ["buttons"] = 1, ["clickCount"] = 1 });

    private async Task<(double X, double Y)> Middle(string selector)
    {
        var place = (await Value($"(() => {{ const e = document.querySelector({JsonSerializer.Serialize(selector)}); e.scrollIntoView({{ block: 'nearest', inline: 'nearest' }}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"))!.AsArray();
        return ((double)place[0]!, (double)place[1]!);
    }

    private async Task<JsonNode> Send(string method, JsonObject parameters)
    {
        var id = ++_calls;
        using var patience = new CancellationTokenSource(_patience);
        await _socket.SendAsync(Encoding.UTF8.GetBytes(new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters }.ToJsonString()), WebSocketMessageType.Text, true, patience.Token);
        var buffer = new byte[1 << 16];
        while (true)
        {
            using var message = new MemoryStream();
            WebSocketReceiveResult part;
            do
            {
                part = await _socket.ReceiveAsync(buffer, patience.Token);
                message.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);
            var node = JsonNode.Parse(message.ToArray())!;
            if (node["id"]?.GetValue<int>() == id) return node["error"] is { } error ? throw new InvalidOperationException($"{method}: {error.ToJsonString()}") : node["result"]!;
            Note(node["method"]?.GetValue<string>(), node["params"]);
        }
    }

    private void Note(string? method, JsonNode? parameters)
    {
        switch (method)
        {
            case "Runtime.exceptionThrown":
                Problems.Add(parameters!["exceptionDetails"]!.ToJsonString());
                break;
            case "Runtime.consoleAPICalled" when parameters!["type"]!.GetValue<string>() is "error" or "warning" or "assert":
                Problems.Add(parameters["args"]!.ToJsonString());
                break;
            case "Log.entryAdded" when parameters!["entry"]!["level"]!.GetValue<string>() is "error" or "warning":
                Problems.Add(parameters["entry"]!.ToJsonString());
                break;
            case "Network.requestWillBeSent" when new Uri(parameters!["request"]!["url"]!.GetValue<string>()).Scheme is not ("file" or "data" or "about"):
                Problems.Add("asks for " + parameters["request"]!["url"]!.GetValue<string>());
                break;
        }
    }
}
