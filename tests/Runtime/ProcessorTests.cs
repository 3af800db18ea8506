using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

public class ProcessorTests
{
    [Theory]
    [InlineData("flags\t\t: fpu vme avx2 avx512f avx512_bf16 vnmi", true)]
    [InlineData("flags : fpu amx_bf16 amx_tile", true)]
    [InlineData("flags\t\t: fpu vme avx2 avx512f avx512_bf16x", false)]
    [InlineData("model name\t: avx512_bf16", false)]
    public void A_processor_has_bfloat16_where_its_flags_say_so(string line, bool has)
    {
        string? reason = Processor.WhyNoBFloat16(["processor\t: 0", line, "bugs\t\t: none"]);
        Assert.Equal(has, reason is null);
        if (!has) Assert.Contains("neither avx512_bf16 nor amx_bf16", reason);
    }

    [Fact]
    public void Without_it_the_refusal_says_why_and_what_to_use()
    {
        string message = Assert.Throws<PrecisionException>(() => ComputePrecision.Require(Processor.WhyNoBFloat16([]))).Message;
        Assert.Contains("neither avx512_bf16 nor amx_bf16", message);
        Assert.Contains("Use Precision.Float32", message);
        ComputePrecision.Require(null);
    }
}
