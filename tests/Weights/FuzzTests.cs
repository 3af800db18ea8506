using UnetResnet.Fuzz;

namespace UnetResnet.Tests.Weights;

/// <summary>The beginning of what <c>dotnet run --project tests/fuzz</c> does with more files.</summary>
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
            using var scope = TorchSharp.torch.NewDisposeScope();
            Assert.NotEmpty(fuzzed.Read(folder["seed.bin"]));
        }
    }

    [Fact]
    public void A_file_can_be_made_again()
    {
        byte[] seed = FuzzedReader.All[0].Seeds[0];
        Assert.Equal(Mutation.Of(seed, new Random(5)), Mutation.Of(seed, new Random(5)));
        Assert.NotEqual(seed, Mutation.Of(seed, new Random(5)));
    }
}
