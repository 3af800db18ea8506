using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

/// <summary>Access rights as Unix has them; Windows inherits them.</summary>
[Trait("Category", "Reliability")]
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

    /// <summary>Where everybody's files are open to everybody, and where they were before: ours are not.</summary>
    [Fact]
    public void Neither_the_users_mask_nor_what_was_there_before_opens_a_private_file()
    {
        if (OperatingSystem.IsWindows()) return;
        uint mask = Umask(0);
        try
        {
            Directory.CreateDirectory(folder["wide"]);
            File.WriteAllText(folder["wide", "old"], "old");
            Assert.Equal(("rwxrwxrwx", "rw-rw-rw-"), (Rights.Of(folder["wide"]), Rights.Of(folder["wide", "old"])));
            foreach (string path in (string[])[folder["wide", "old"], folder["wide", "new"], folder["a", "b", "new"]])
            {
                PrivateFiles.Write(path, stream => stream.WriteByte(1));
                Assert.Equal(Rights.OwnersFile, Rights.Of(path));
                File.SetUnixFileMode(path, (UnixFileMode)0b110_110_110);
                PrivateFiles.Open(path, FileShare.None).Dispose();
                Assert.Equal(Rights.OwnersFile, Rights.Of(path));
                Cellar.Files.AtomicFile.Write(path + ".kernel", stream => stream.WriteByte(1), isPrivate: true);
                Assert.Equal(Rights.OwnersFile, Rights.Of(path + ".kernel"));
            }

            PrivateFiles.Open(folder["wide", "opened"], FileShare.None).Dispose();
            Cellar.Files.AtomicFile.Write(folder["c", "d", "new"], stream => stream.WriteByte(1), isPrivate: true);
            Assert.Equal((Rights.OwnersFile, Rights.OwnersFile), (Rights.Of(folder["wide", "opened"]), Rights.Of(folder["c", "d", "new"])));
            Assert.All((string[])[folder["a"], folder["a", "b"], folder["c"], folder["c", "d"]], path => Assert.Equal(Rights.OwnersFolder, Rights.Of(path)));
        }
        finally
        {
            Umask(mask);
        }
    }

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "umask")]
    private static extern uint Umask(uint mask);

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
