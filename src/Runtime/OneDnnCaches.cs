using System.Globalization;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>The sizes of the processor's caches, as oneDNN, which convolves for libtorch, takes them to be.</summary>
/// <remarks>
/// AMD's processors tell them in leaf 0x8000001D of CPUID, which some virtual machines, those of Firecracker among them, leave blank. The oneDNN 3.7 of libtorch then takes every
/// cache for one of a single byte, cuts its work accordingly, and for some 1×1 convolutions, the one from 256 to 1024 channels in the middle of every ResNet50 among them, divides by
/// zero: the process ends with SIGFPE. Here the sizes are put right in its memory, from the older leaves 0x80000005 and 0x80000006. Nothing is written where the leaf is not blank, or where
/// what stands in the memory is not exactly what oneDNN makes of a blank one.
/// </remarks>
internal static unsafe class OneDnnCaches
{
    private const int BlankLeaf = unchecked((int)0x8000001D), FirstLevel = unchecked((int)0x80000005), SecondLevel = unchecked((int)0x80000006);
    private const int MostLevels = 10, Levels = 3;

    /// <summary>What oneDNN itself guesses for one core, where it knows nothing. Of the third level the older leaf tells only what the whole processor has.</summary>
    private const uint FirstGuess = 32 << 10, SecondGuess = 512 << 10, ThirdGuess = 1 << 20;

    /// <summary>What a blank leaf becomes: the levels' sizes, by how many cores each is shared, and how many levels there are.</summary>
    private static readonly uint[] OneByteEach = [.. Padded(1, 1, 1), .. Padded(1, 1, 1), Levels];

    /// <summary>Puts the sizes right, if they are wrong.</summary>
    /// <returns>Whether they were.</returns>
    internal static bool Correct()
    {
        if (!OperatingSystem.IsLinux() || !X86Base.IsSupported || !IsBlank()) return false;
        // oneDNN looks at the processor at its first use, which a kernel of this size is in any case.
        using (Tensor map = zeros(16, 1, 5, 5), kernel = zeros(1, 1, 5, 5)) nn.functional.conv2d(map, kernel).Dispose();
        uint first = (uint)X86Base.CpuId(FirstLevel, 0).Ecx >> 24 << 10, second = (uint)X86Base.CpuId(SecondLevel, 0).Ecx >> 16 << 10;
        uint[] sizes = Padded(first == 0 ? FirstGuess : first, second == 0 ? SecondGuess : second, ThirdGuess);
        bool corrected = false;
        foreach ((nint start, nint end) in WritableMemory(File.ReadLines("/proc/self/maps"), "libtorch_cpu.so")) corrected |= Correct(new Span<uint>((void*)start, (int)((end - start) / sizeof(uint))), sizes);
        return corrected;
    }

    /// <summary>Puts sizes in the place of those of one byte each.</summary>
    internal static bool Correct(Span<uint> memory, ReadOnlySpan<uint> sizes)
    {
        bool corrected = false;
        for (int place; (place = memory.IndexOf(OneByteEach)) >= 0; memory = memory[place..])
        {
            sizes.CopyTo(memory[place..]);
            corrected = true;
        }

        return corrected;
    }

    /// <summary>Where a library keeps its variables: its own writable pages, and the ones without a file right behind them.</summary>
    /// <param name="maps">The lines of <c>/proc/self/maps</c>.</param>
    /// <param name="library">Its file name.</param>
    internal static IEnumerable<(nint Start, nint End)> WritableMemory(IEnumerable<string> maps, string library)
    {
        nint reached = 0;
        foreach (string line in maps)
        {
            string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            int dash = fields[0].IndexOf('-', StringComparison.Ordinal);
            (nint start, nint end) = (Address(fields[0][..dash]), Address(fields[0][(dash + 1)..]));
            bool own = fields.Length == 6 && Path.GetFileName(fields[5].Trim()) == library;
            if (!own && (fields.Length == 6 || start != reached)) continue;
            // What follows those is somebody else's.
            reached = own ? end : 0;
            if (fields[1].StartsWith("rw", StringComparison.Ordinal)) yield return (start, end);
        }
    }

    private static bool IsBlank()
    {
        int most = X86Base.CpuId(unchecked((int)0x80000000), 0).Eax;
        (_, int b, int c, int d) = X86Base.CpuId(0, 0);
        bool amd = (b, d, c) == (0x68747541, 0x69746E65, 0x444D4163); // AuthenticAMD
        return amd && (uint)most >= unchecked((uint)BlankLeaf) && X86Base.CpuId(BlankLeaf, 0) is { Eax: 0, Ebx: 0, Ecx: 0 };
    }

    private static uint[] Padded(params ReadOnlySpan<uint> levels)
    {
        var all = new uint[MostLevels];
        levels.CopyTo(all);
        return all;
    }

    private static nint Address(string text) => nint.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
