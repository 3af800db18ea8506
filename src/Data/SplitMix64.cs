namespace UnetResnet.Data;

/// <summary>
/// Small random generator (Steele, Lea, Flood 2014) that is the same on every platform and .NET version,
/// and whose streams for (seed, epoch, sample) are independent of the order in which they are drawn.
/// </summary>
internal struct SplitMix64
{
    private ulong state;

    /// <summary>A stream that depends on every one of the keys.</summary>
    public SplitMix64(params ReadOnlySpan<int> keys)
    {
        foreach (int key in keys)
        {
            state ^= (uint)key;
            state = NextBits();
        }
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    public double NextDouble(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>Uniform in 0 … count − 1.</summary>
    public int NextInt(int count) => (int)Math.BigMul(NextBits(), (ulong)count, out _);

    /// <summary>Standard normal (Box–Muller).</summary>
    public double NextNormal() => Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>Puts the items in random order (Fisher–Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int k = NextInt(i + 1);
            (items[i], items[k]) = (items[k], items[i]);
        }
    }

    private ulong NextBits()
    {
        state += 0x9E3779B97F4A7C15;
        ulong z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
