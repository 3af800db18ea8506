namespace UnetResnet.Runtime;

/// <summary>What the processor can do and .NET does not tell.</summary>
internal static class Processor
{
    private const string Information = "/proc/cpuinfo";

    private static readonly Lazy<string?> Reason = new(() => OperatingSystem.IsLinux() && File.Exists(Information)
        ? WhyNoBFloat16(File.ReadLines(Information))
        : "only Linux tells whether the processor multiplies bfloat16");

    /// <summary>Null where the processor multiplies bfloat16 in hardware, else why it is taken not to, as half a sentence.</summary>
    internal static string? WithoutBFloat16 => Reason.Value;

    /// <summary>The same from the lines of <c>/proc/cpuinfo</c>.</summary>
    internal static string? WhyNoBFloat16(IEnumerable<string> information)
    {
        string? flags = information.FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal));
        return flags?.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries).Any(flag => flag is "avx512_bf16" or "amx_bf16") == true
            ? null
            : $"this processor has neither avx512_bf16 nor amx_bf16 ({Information}), so that every product would be one of float32 with conversions around it";
    }
}
