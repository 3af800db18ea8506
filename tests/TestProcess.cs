using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using UnetResnet.Runtime;

namespace UnetResnet.Tests;

/// <summary>Many tests start with a call of TorchSharp's own, and its threads must be patient beside other processes.</summary>
internal static class TestProcess
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "A test process has no entry point of ours.")]
    internal static void Start() => TorchRuntime.Initialize();
}
