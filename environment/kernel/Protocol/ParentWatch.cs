using System.Diagnostics;

namespace Cellar.Protocol;

/// <summary>Notices the death of the program that started the kernel, which Jupyter names in <c>JPY_PARENT_PID</c>.</summary>
internal static class ParentWatch
{
    /// <summary>Ends when the parent has ended; never where no parent is named.</summary>
    public static async Task WaitAsync(CancellationToken cancel)
    {
        bool named = int.TryParse(Environment.GetEnvironmentVariable("JPY_PARENT_PID"), out int parent) && parent > 1;
        while (!named || Lives(parent)) await Task.Delay(named ? TimeSpan.FromSeconds(1) : Timeout.InfiniteTimeSpan, cancel);
    }

    private static bool Lives(int id)
    {
        try
        {
            // A dead process whose parent has not asked after it is still listed, as Z.
            string state = $"/proc/{id}/stat";
            if (OperatingSystem.IsLinux()) return File.Exists(state) && File.ReadAllText(state) is var text && text[text.LastIndexOf(')')..] is [_, _, not ('Z' or 'X'), ..];
            using var process = Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (Exception e) when (e is ArgumentException or IOException or InvalidOperationException)
        {
            return false;
        }
    }
}
