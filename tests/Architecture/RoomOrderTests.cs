using UnetResnet.Runtime;

namespace UnetResnet.Tests.Architecture;

/// <summary>Rooms of the library use only rooms before them, the kernel knows nothing of the kit, and no namespaces use each other in a circle.</summary>
public class RoomOrderTests
{
    private static readonly string[] Rooms = ["Runtime", "Normalization", "Models", "Weights", "Data", "Training", "Diagnosis", "Notebooks"];

    private static readonly string Root = Directory.GetParent(BundledFiles.Root)!.FullName;

    private static readonly Lazy<IReadOnlyList<NamespaceArrow>> Library = new(() => NamespaceArrows.Of("src", NamespaceArrows.Sources(Root, "src"), "UnetResnet.Helpers", "UnetResnet.Notebooks"));

    private static readonly Lazy<IReadOnlyList<NamespaceArrow>> Programs = new(() => NamespaceArrows.Of("lab", NamespaceArrows.Sources(Root, "environment/kernel", "environment/lab"), "cellar", "lab"));

    [Fact]
    public void Rooms_use_only_rooms_before_them()
    {
        Assert.Contains(Library.Value, a => (Room(a.From), Room(a.To)) == ("Diagnosis", "Training"));
        None(Backwards(Library.Value).Select(a => $"{a.From} → {a.To}  {a.Where}"));
    }

    [Fact]
    public void No_namespaces_of_the_library_use_each_other_in_a_circle() => None(NamespaceArrows.Circles(Library.Value));

    [Fact]
    public void No_folders_of_kernel_and_lab_use_each_other_in_a_circle() => None(NamespaceArrows.Circles(Programs.Value));

    [Fact]
    public void The_kernel_knows_nothing_of_the_kit()
    {
        Assert.Contains(Programs.Value, a => a.From.StartsWith("UnetResnet.Lab", StringComparison.Ordinal) && a.To.StartsWith("Cellar", StringComparison.Ordinal));
        Assert.DoesNotContain(Programs.Value, a => a.From.StartsWith("Cellar", StringComparison.Ordinal) && !a.To.StartsWith("Cellar", StringComparison.Ordinal));
    }

    [Fact]
    public void A_wrong_arrow_and_a_circle_would_be_found()
    {
        IReadOnlyList<NamespaceArrow> arrows = NamespaceArrows.Of("wrong",
        [
            ("Low.cs", "namespace UnetResnet.Runtime; public class Low { public object Up() => new UnetResnet.Training.High(); }"),
            ("High.cs", "namespace UnetResnet.Training; public class High { }"),
            // No using shows that the inner namespace uses the outer one.
            ("Outer.cs", "using UnetResnet.Data.Inner; namespace UnetResnet.Data; public class Outer { public Part? Part; }"),
            ("Inner.cs", "namespace UnetResnet.Data.Inner; public class Part { public Outer? Whole; }"),
        ]);
        Assert.Equal(["Low.cs(1): High"], Backwards(arrows).Select(a => a.Where));
        string circle = Assert.Single(NamespaceArrows.Circles(arrows));
        Assert.Contains("Inner.cs(1): Outer", circle);
    }

    private static void None(IEnumerable<string> found) => Assert.True(!found.Any(), string.Join("\n\n", found));

    private static IEnumerable<NamespaceArrow> Backwards(IEnumerable<NamespaceArrow> arrows) =>
        arrows.Where(a => Array.IndexOf(Rooms, Room(a.From)) < Array.IndexOf(Rooms, Room(a.To)) || !Rooms.Contains(Room(a.From)));

    private static string Room(string space) => space.Split('.').ElementAtOrDefault(1) ?? "";
}
