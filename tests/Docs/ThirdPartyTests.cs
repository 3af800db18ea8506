using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Docs;

/// <summary>docs/third-party.md names every package that the programs are made of, with the licence that the package states; where it states none, the text says what is known.</summary>
public class ThirdPartyTests
{
    private static readonly string Root = Directory.GetParent(BundledFiles.Root)!.FullName;
    private static readonly (string Project, string Name)[] Projects =
        [("UnetResnet.Helpers", "library"), ("UnetResnet.Notebooks", "notebooks"), ("Cellar", "kernel"), ("lab", "lab")];

    /// <summary>Elsewhere other natives are restored.</summary>
    [Fact]
    public void The_list_is_complete_and_true()
    {
        if (!OperatingSystem.IsLinux()) return;
        string expected = Table(), file = Path.Combine(Root, "docs", "third-party.md"), proposal = Path.Combine(Root, "artifacts", "third-party.txt");
        string text = File.ReadAllText(file);
        if (!text.Contains(expected, StringComparison.Ordinal)) AtomicFile.WriteText(proposal, expected);
        Assert.True(text.Contains(expected, StringComparison.Ordinal), $"{file} has another table than the packages that were restored. Put the one in {proposal} into its place:\n{expected}");
    }

    private static string Table()
    {
        var users = new SortedDictionary<string, (string Licence, List<string> By)>(StringComparer.OrdinalIgnoreCase);
        foreach ((string project, string name) in Projects)
        {
            using JsonDocument assets = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Root, "artifacts", "obj", project, "project.assets.json")));
            string[] caches = [.. assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(p => p.Name)];
            JsonElement libraries = assets.RootElement.GetProperty("libraries");
            foreach (JsonProperty library in assets.RootElement.GetProperty("targets").EnumerateObject().OrderBy(t => t.Name.Length).Last().Value.EnumerateObject())
            {
                // What only builds (analyzers) is in no program.
                if (library.Value.GetProperty("type").GetString() != "package" || !(library.Value.TryGetProperty("runtime", out _) || library.Value.TryGetProperty("native", out _))) continue;
                string id = library.Name.Split('/')[0], path = libraries.GetProperty(library.Name).GetProperty("path").GetString()!;
                string folder = caches.Select(c => Path.Combine(c, path)).First(Directory.Exists);
                if (!users.TryGetValue(id, out var user)) users.Add(id, user = (Licence(folder), []));
                user.By.Add(name);
            }
        }

        var table = new StringBuilder("| package | licence | in |\n|---|---|---|\n");
        foreach ((string id, (string licence, List<string> by)) in users) table.Append($"| {id} | {licence} | {string.Join(", ", by)} |\n");
        return table.ToString();
    }

    private static string Licence(string folder)
    {
        XElement metadata = XDocument.Load(Directory.GetFiles(folder, "*.nuspec").Single()).Root!.Elements().First(e => e.Name.LocalName == "metadata");
        string? Of(string name) => metadata.Elements().FirstOrDefault(e => e.Name.LocalName == name)?.Value.Trim();
        return metadata.Elements().FirstOrDefault(e => e.Name.LocalName == "license") is { } license
            ? license.Attribute("type")?.Value == "expression" ? license.Value.Trim() : $"{license.Value.Trim()} in the package"
            : Of("licenseUrl") ?? "none stated";
    }
}
