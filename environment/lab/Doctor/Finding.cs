namespace UnetResnet.Lab.Doctor;

internal enum Health
{
    Ok,
    Warning,
    Failure,
}

/// <summary>What one check has found.</summary>
/// <param name="Subject">What was looked at.</param>
/// <param name="Health">Whether it will do.</param>
/// <param name="Detail">What is there.</param>
/// <param name="Cure">What to do about it; null where nothing is to be done.</param>
internal sealed record Finding(string Subject, Health Health, string Detail, string? Cure = null);
