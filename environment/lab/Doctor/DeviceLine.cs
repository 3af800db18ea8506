namespace UnetResnet.Lab.Doctor;

/// <summary>One line of <c>lab doctor --gpu</c>.</summary>
/// <param name="Check">What was checked.</param>
/// <param name="Passed">Whether it holds.</param>
/// <param name="Detail">What was found, with its figures.</param>
internal sealed record DeviceLine(string Check, bool Passed, string Detail)
{
    /// <inheritdoc/>
    public override string ToString() => $"{(Passed ? "pass" : "FAIL")}  {Check,-18}  {Detail}";
}
