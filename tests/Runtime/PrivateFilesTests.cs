using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

/// <summary>Access rights as Unix has them; Windows inherits them.</summary>
public sealed class PrivateFilesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void New_folders_and_files_are_the_owners_alone_and_old_folders_stay_as_they_are()
    {
        if (OperatingSystem.IsWindows()) return;
        Directory.CreateDirectory(folder["shared"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
        PrivateFiles.Write(folder["shared", "a", "b", "file"], stream =>
        {
            stream.Write("half"u8);
            stream.Flush();
            Assert.Equal(Rights.OwnersFile, Rights.Of(Assert.Single(Directory.GetFiles(folder["shared", "a", "b"])))); // not only at the end
            stream.Write(" and half"u8);
        });
        Assert.Equal("half and half", File.ReadAllText(folder["shared", "a", "b", "file"]));
        Assert.Equal(Rights.OwnersFile, Rights.Of(folder["shared", "a", "b", "file"]));
        Assert.Equal(Rights.OwnersFolder, Rights.Of(folder["shared", "a", "b"]));
        Assert.Equal(Rights.OwnersFolder, Rights.Of(folder["shared", "a"]));
        Assert.Equal("rwxr-x---", Rights.Of(folder["shared"]));
    }

    [Fact]
    public void A_file_that_is_replaced_hands_its_rights_on()
    {
        if (OperatingSystem.IsWindows()) return;
        string path = folder.Write("file", "old");
        foreach (UnixFileMode mode in (UnixFileMode[])[UnixFileMode.UserRead | UnixFileMode.UserWrite, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite])
        {
            File.SetUnixFileMode(path, mode);
            AtomicFile.WriteText(path, "new");
            Assert.Equal(mode, File.GetUnixFileMode(path));
            Cellar.Files.AtomicFile.WriteText(path, "newer");
            Assert.Equal(mode, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void A_file_where_a_folder_should_be_is_an_error_not_a_loop()
    {
        string file = folder.Write("file", "");
        Assert.ThrowsAny<IOException>(() => PrivateFiles.CreateFolder(Path.Combine(file, "below")));
    }
}
