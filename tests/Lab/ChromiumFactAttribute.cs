using System.Diagnostics;

namespace UnetResnet.Tests.Lab;

/// <summary>A test that needs Chromium; shown as skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ChromiumFactAttribute : FactAttribute
{
    public ChromiumFactAttribute() => Skip = Chromium.Missing;

    /// <summary>Opens a file and lets its scripts run.</summary>
    /// <returns>The document afterwards, and what the browser logged.</returns>
    public static async Task<(string Dom, string Log)> Open(string path)
    {
        using var profile = new TemporaryFolder();
        string[] arguments =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", $"--user-data-dir={profile.Path}", "--enable-logging=stderr", "--virtual-time-budget=15000", "--dump-dom", new Uri(path).AbsoluteUri,
        ];
        using Process process = Process.Start(new ProcessStartInfo(Chromium.Program!, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> dom = process.StandardOutput.ReadToEndAsync();
        Task<string> log = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        return (await dom, await log);
    }
}
