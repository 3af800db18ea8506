using Cellar.VsCode;

namespace Cellar.Tests.VsCode;

public sealed class SettingsFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("{}")]
    [InlineData("{ \"a\": 1, }")]
    [InlineData("{\r\n    // mine\r\n    \"jupyter.completionTriggerCharacters\": { \"python\": [\".\", \"%\"] },\r\n}\r\n")]
    [InlineData("{ \"jupyter.completionTriggerCharacters\": { \"csharp\": [\":\"] } }")]
    public void Writing_leaves_a_copy_and_removing_gives_the_file_back(string? before)
    {
        SettingsFile settings = File(before);
        Assert.Equal(SettingsChange.Written, settings.Write());
        Assert.Contains("\"csharp\": [\".\"", System.IO.File.ReadAllText(settings.Path));
        Assert.Equal(before ?? "", System.IO.File.ReadAllText(settings.Copy));
        Assert.Equal(SettingsChange.None, settings.Write());
        Assert.Equal(before ?? "", System.IO.File.ReadAllText(settings.Copy));

        Assert.Equal(SettingsChange.Removed, settings.Remove());
        Assert.Equal(before, System.IO.File.Exists(settings.Path) ? System.IO.File.ReadAllText(settings.Path) : null);
        Assert.False(System.IO.File.Exists(settings.Copy));
        Assert.Equal(SettingsChange.None, settings.Remove());
    }

    [Fact]
    public void What_its_owner_wrote_meanwhile_stays()
    {
        SettingsFile settings = File("{\n    \"a\": 1\n}\n");
        settings.Write();
        System.IO.File.WriteAllText(settings.Path, System.IO.File.ReadAllText(settings.Path).Replace("\"a\": 1", "\"a\": 2, // two"));
        Assert.Equal(SettingsChange.Removed, settings.Remove());
        Assert.Equal("{\n    \"a\": 2, // two\n}\n", System.IO.File.ReadAllText(settings.Path));
    }

    [Fact]
    public void A_setting_that_was_there_before_is_its_owners()
    {
        SettingsFile settings = File("{ \"jupyter.completionTriggerCharacters\": { \"csharp\": [\".\"] } }");
        Assert.Equal(SettingsChange.None, settings.Write());
        Assert.Equal(SettingsChange.None, settings.Remove());
        Assert.Contains("csharp", System.IO.File.ReadAllText(settings.Path));
    }

    [Fact]
    public void Damaged_settings_stay_as_they_are_with_a_sentence()
    {
        SettingsFile settings = File("{ \"a\": 1 ");
        Assert.Contains("Nothing was changed", Assert.Throws<InvalidOperationException>(() => settings.Write()).Message);
        Assert.Equal("{ \"a\": 1 ", System.IO.File.ReadAllText(settings.Path));
        Assert.Single(Directory.GetFiles(folder["User"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_its_owner_has_protected_stays_as_it_is(bool written)
    {
        SettingsFile settings = File("{\r\n  // mine\r\n  \"a\": [1,],\r\n}");
        if (written) settings.Write();
        byte[] before = System.IO.File.ReadAllBytes(settings.Path);
        System.IO.File.SetAttributes(settings.Path, FileAttributes.ReadOnly);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => written ? settings.Remove() : settings.Write());
        Assert.Contains($"{settings.Path} is read-only. Nothing was changed.", error.Message);
        Assert.Equal(before, System.IO.File.ReadAllBytes(settings.Path));
        Assert.Equal(written, System.IO.File.Exists(settings.Copy));
        System.IO.File.SetAttributes(settings.Path, FileAttributes.Normal);
        Assert.Equal(written ? SettingsChange.Removed : SettingsChange.Written, written ? settings.Remove() : settings.Write());
    }

    [Fact]
    public void A_link_stays_a_link_and_permissions_stay()
    {
        if (OperatingSystem.IsWindows()) return; // links need rights there
        string kept = folder.Write("dotfiles/settings.json", "{}");
        System.IO.File.SetUnixFileMode(kept, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Directory.CreateDirectory(folder["User"]);
        System.IO.File.CreateSymbolicLink(folder["User", "settings.json"], kept);
        new SettingsFile(folder["User", "settings.json"]).Write();
        Assert.NotNull(new FileInfo(folder["User", "settings.json"]).LinkTarget);
        Assert.Contains("csharp", System.IO.File.ReadAllText(kept));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(kept));
    }

    [Theory]
    [InlineData("linux", ".config/Code/User")]
    [InlineData("linux", ".config/Code - Insiders/User")]
    [InlineData("linux", ".config/VSCodium/User")]
    [InlineData("linux", ".local/share/code-server/User")]
    [InlineData("linux", ".var/app/com.visualstudio.code/config/Code/User")]
    [InlineData("linux", "xdg/Code/User", "XDG_CONFIG_HOME=xdg")]
    [InlineData("linux", "stick/user-data/User", "VSCODE_PORTABLE=stick")]
    [InlineData("macos", "Library/Application Support/Code/User")]
    [InlineData("macos", "Library/Application Support/VSCodium/User")]
    [InlineData("windows", "AppData/Roaming/Code/User")]
    [InlineData("windows", "roaming/Code - Insiders/User", "APPDATA=roaming")]
    public void Every_editor_keeps_its_settings_somewhere(string system, string place, string? variable = null)
    {
        Directory.CreateDirectory(folder[place]);
        string? Read(string name) => variable?.Split('=') is [var named, var value] && named == name ? folder[value] : null;
        SettingsFile found = Assert.Single(Editors.Found(system, folder.Path, Read));
        Assert.Equal(Path.GetFullPath(folder[place, "settings.json"]), Path.GetFullPath(found.Path));
        Assert.Empty(Editors.Found(system, folder["elsewhere"], _ => null));
    }

    private SettingsFile File(string? text)
    {
        Directory.CreateDirectory(folder["User"]);
        if (text is not null) folder.Write("User/settings.json", text);
        return new SettingsFile(folder["User", "settings.json"]);
    }
}
