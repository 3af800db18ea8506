using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;

namespace UnetResnet.Runtime;

/// <summary>Which versions compute here: printed by notebooks, stored with weights and reports.</summary>
/// <param name="Library">Version of this library.</param>
/// <param name="TorchSharp">Version of TorchSharp.</param>
/// <param name="LibTorch">Version of libtorch.</param>
/// <param name="DotNet">Description of the .NET runtime.</param>
/// <param name="OperatingSystem">Description of the operating system and its architecture.</param>
/// <param name="Threads">Threads of one libtorch operation.</param>
/// <param name="Cuda">Whether libtorch sees a CUDA device.</param>
public sealed record RuntimeStamp(string Library, string TorchSharp, string LibTorch, string DotNet, string OperatingSystem, int Threads, bool Cuda)
{
    /// <summary>Reads the stamp of this process. Loads libtorch.</summary>
    public static RuntimeStamp Read() => new(
        LibraryVersion,
        VersionOf(typeof(torch).Assembly),
        torch.__version__,
        RuntimeInformation.FrameworkDescription,
        $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}",
        torch.get_num_threads(),
        torch.cuda_is_available());

    /// <summary>Version of this library, for what it writes.</summary>
    internal static string LibraryVersion => VersionOf(typeof(RuntimeStamp).Assembly);

    /// <summary>One line for a log.</summary>
    public override string ToString() =>
        $"UnetResnet {Library} · TorchSharp {TorchSharp} · libtorch {LibTorch} · {DotNet} · {OperatingSystem} · {Threads} threads{(Cuda ? " · CUDA" : "")}";

    private static string VersionOf(Assembly assembly) =>
        (assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? assembly.GetName().Version!.ToString()).Split('+')[0];
}
