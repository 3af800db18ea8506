using UnetResnet.Fuzz;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>The beginning of what <c>dotnet run --project tests/fuzz</c> does with more files.</summary>
[Trait("Category", "Reliability")]
public sealed class FuzzTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Readers { get; } = [.. FuzzedReader.All.Select(r => r.Name)];

    [Theory]
    [MemberData(nameof(Readers))]
    public void Damaged_files_end_in_tensors_or_the_one_exception(string reader)
    {
        FuzzResult run = Fuzzing.Run(FuzzedReader.All.Single(r => r.Name == reader), folder.Path, seed: 0, first: 0, count: 300);
        Assert.Empty(run.Failures);
        Assert.Equal(300, run.Accepted + run.Refused);
        // Both kinds occur, so that neither a reader that refuses everything nor damage that does nothing goes unnoticed.
        Assert.InRange(run.Refused, 100, 299);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public void The_files_that_damage_starts_from_are_valid(string reader)
    {
        FuzzedReader fuzzed = FuzzedReader.All.Single(r => r.Name == reader);
        foreach (byte[] seed in fuzzed.Seeds)
        {
            File.WriteAllBytes(folder["seed.bin"], seed);
            using var scope = NewDisposeScope();
            Assert.NotEmpty(fuzzed.Read(folder["seed.bin"]));
        }
    }

    /// <summary>What would be wrong with a reader is noticed.</summary>
    [Fact]
    public void A_reader_that_misbehaves_is_found_out()
    {
        FuzzResult Run(Func<string, IEnumerable<Tensor>> read) => Fuzzing.Run(new FuzzedReader("bad", read, [[1, 2, 3]]), folder.Path, seed: 0, first: 7, count: 1);
        Assert.Contains("file 7: IndexOutOfRangeException", Assert.Single(Run(_ => throw new IndexOutOfRangeException("oops")).Failures));
        Assert.Contains("WeightsException", Assert.Single(Run(_ => throw new WeightsException("names no file")).Failures));
        Assert.Contains("took", Assert.Single(Run(_ => { Thread.Sleep(1100); return []; }).Failures));
        Assert.Contains("allocated", Assert.Single(Run(_ => { GC.KeepAlive(new byte[1_100_000_000]); return []; }).Failures));
        Assert.Contains("numbers", Assert.Single(Run(_ => [empty(100_000_000)]).Failures));
        FuzzResult good = Run(path => throw new WeightsException(path + " is damaged"));
        Assert.Equal((0, 1), (good.Failures.Count, good.Refused));
    }

    [Fact]
    public void A_file_can_be_made_again()
    {
        byte[] seed = FuzzedReader.All[0].Seeds[0];
        Assert.Equal(Mutation.Of(seed, new Random(5)), Mutation.Of(seed, new Random(5)));
        Assert.NotEqual(seed, Mutation.Of(seed, new Random(5)));
    }
}
