namespace UnetResnet.Notebooks.Drawing;

/// <summary>Cividis, from dark blue to yellow: readable in any kind of colour vision.</summary>
/// <remarks>Nuñez, Anderton and Renslow, PLOS ONE 13 (2018), e0199239; nine samples of it.</remarks>
internal static class Cividis
{
    internal static IReadOnlyList<string> Colors { get; } =
        ["#00224E", "#123570", "#3B496C", "#575D6D", "#707173", "#8A8678", "#A59C74", "#C3B369", "#FEE838"];
}
