using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace UnetResnet.Tests.Lab;

/// <summary>A page in headless Chromium, driven over its debugging socket.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private readonly TemporaryFolder profile = new();
    private readonly Process process;
    private readonly ClientWebSocket socket = new();
    private int number;

    private Chromium()
    {
        string[] arguments =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
            "--window-size=1000,900", "--remote-debugging-port=0", $"--user-data-dir={profile.Path}", "about:blank",
        ];
        process = Process.Start(new ProcessStartInfo(Program!, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
    }

    /// <summary>The browser's path, or null where there is none.</summary>
    public static string? Program { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => new[] { "chromium", "chromium-browser", "google-chrome", "chrome" }.Select(name => Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    /// <summary>Why a test in a browser is skipped, or null where it runs; <c>.ci/run</c> installs the browser and takes no skipped test.</summary>
    public static string? Missing { get; } = Program is null ? "Chromium is not installed: nothing was checked in a browser." : null;

    /// <summary>Opens a page.</summary>
    public static async Task<Chromium> OpenAsync(string address)
    {
        var browser = new Chromium();
        browser.process.BeginErrorReadLine();
        browser.process.BeginOutputReadLine();
        string file = Path.Combine(browser.profile.Path, "DevToolsActivePort");
        for (int wait = 0; wait < 400 && !(File.Exists(file) && File.ReadAllText(file).Contains('\n')); wait++) await Task.Delay(50);
        using var http = new HttpClient();
        using HttpResponseMessage opened = await http.PutAsync($"http://127.0.0.1:{File.ReadLines(file).First()}/json/new?{address}", null);
        JsonNode page = (await opened.Content.ReadFromJsonAsync<JsonNode>())!;
        await browser.socket.ConnectAsync(new Uri(page["webSocketDebuggerUrl"]!.ToString()), CancellationToken.None);
        return browser;
    }

    /// <summary>Evaluates JavaScript in the page; of a promise, what it gives.</summary>
    public async Task<JsonNode?> EvaluateAsync(string script)
    {
        JsonNode result = await CallAsync("Runtime.evaluate", new JsonObject { ["expression"] = script, ["awaitPromise"] = true, ["returnByValue"] = true });
        Assert.True(result["exceptionDetails"] is null, result.ToJsonString());
        return result["result"]!["value"];
    }

    /// <summary>Waits until a condition holds in the page; while the page loads, it does not.</summary>
    /// <returns>Whether it did within the time.</returns>
    public async Task<bool> WaitAsync(string condition, TimeSpan time)
    {
        for (DateTime end = DateTime.UtcNow + time; DateTime.UtcNow < end; await Task.Delay(50))
        {
            try
            {
                if ((await EvaluateAsync($"(() => {{ try {{ return !!({condition}); }} catch {{ return false; }} }})()"))!.GetValue<bool>()) return true;
            }
            catch (InvalidOperationException)
            {
                // The page gives way to the next one.
            }
        }

        return false;
    }

    /// <summary>Gives the page a size, as a window or a phone has, and the setting of a reader's system.</summary>
    public async Task EmulateAsync(int width, int height, bool dark)
    {
        await CallAsync("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = false });
        await CallAsync("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" }) });
    }

    /// <summary>Leaves for another page.</summary>
    public Task GoAsync(string address) => CallAsync("Page.navigate", new JsonObject { ["url"] = address });

    /// <summary>The page as it is printed, as PDF.</summary>
    public async Task<byte[]> PrintAsync() => Convert.FromBase64String((await CallAsync("Page.printToPDF", []))["data"]!.ToString());

    /// <summary>A picture of the page, as PNG.</summary>
    public async Task<byte[]> ScreenshotAsync() => Convert.FromBase64String((await CallAsync("Page.captureScreenshot", []))["data"]!.ToString());

    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        profile.Dispose();
    }

    private async Task<JsonNode> CallAsync(string method, JsonObject parameters)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        int id = ++number;
        await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters }), WebSocketMessageType.Text, true, limit.Token);
        while (true)
        {
            using var message = new MemoryStream();
            byte[] buffer = new byte[1 << 16];
            WebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer, limit.Token);
                message.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);
            JsonNode reply = JsonNode.Parse(message.ToArray())!;
            if (reply["id"]?.GetValue<int>() != id) continue; // an event
            return reply["result"] ?? throw new InvalidOperationException($"{method}: {reply.ToJsonString()}");
        }
    }
}
