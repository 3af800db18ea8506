using UnetResnet.Runtime;

namespace UnetResnet.Tests.Lab;

/// <summary>A test that needs Chromium and axe-core; shown as skipped where one of them is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class AxeTheoryAttribute : TheoryAttribute
{
    public AxeTheoryAttribute() =>
        Skip = Chromium.Missing ?? (File.Exists(Script) ? null : $"axe-core is not installed (npm install --prefix artifacts/axe axe-core): there is no {Script}.");

    /// <summary>Where .ci/run puts it.</summary>
    public static string Script { get; } = Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "artifacts", "axe", "node_modules", "axe-core", "axe.min.js");
}
