using UnetResnet.Diagnosis;

namespace UnetResnet.Tests.Diagnosis;

public class JudgementTests
{
    [Theory]
    [InlineData(0.5, 2, 0.25)]
    [InlineData(0, 2, 0)]
    [InlineData(0, 0, 0)] // a constant output that does not change
    [InlineData(1, 0, double.PositiveInfinity)]
    public void A_distance_is_told_in_spreads(double distance, double spread, double expected) => Assert.Equal(expected, Judgement.Relative(distance, spread));
}
