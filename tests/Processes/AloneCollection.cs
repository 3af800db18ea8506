namespace UnetResnet.Tests.Processes;

/// <summary>Tests of how long something takes: they run when nothing else does, after all others.</summary>
[CollectionDefinition(Name)]
public sealed class AloneCollection
{
    internal const string Name = "alone";
}
