using System.Diagnostics;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>The machine's Python, if it has what is needed.</summary>
internal static class SystemPython
{
    /// <summary>The first of <c>/usr/bin/python3</c> and <c>python3</c> that can import modules, or null.</summary>
    /// <param name="modules">Names separated by commas.</param>
    public static string? With(string modules) => new[] { "/usr/bin/python3", "python3" }.FirstOrDefault(name =>
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(name, ["-c", $"import {modules}"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    });
}
