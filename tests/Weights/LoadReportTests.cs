using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

public class LoadReportTests
{
    [Fact]
    public void The_text_has_every_count_and_up_to_three_names_of_what_did_not_fit() =>
        Assert.Equal(
            "b.h5 (Keras HDF5, ResNet50): 2 matched, 1 of them transposed, 1 missing (m), 3 unexpected (1; 2; 3), 4 of another shape or type (a; b; c …), 5 ignored",
            new LoadReport
            {
                Path = Path.Combine("a", "b.h5"),
                Format = "Keras HDF5",
                Family = "ResNet50",
                Matched = ["x", "y"],
                Transposed = ["x"],
                Missing = ["m"],
                Unexpected = ["1", "2", "3"],
                Conflicts = ["a", "b", "c", "d"],
                Ignored = ["p", "q", "r", "s", "t"],
            }.ToString());

    [Fact]
    public void Nothing_is_none() => Assert.Equal("none missing", LoadReport.Describe("missing", []));
}
