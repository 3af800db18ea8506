using System.Diagnostics;
using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

/// <summary>Folders as they come from other machines: hidden files, pipes, files that nobody may read, odd names; and what is left out on request.</summary>
[Trait("Category", "Reliability")]
public sealed class SkippedFilesTests : IDisposable
{
    private static readonly ImageMaskFolderOptions Skip = new() { OnError = OnError.Skip };

    private readonly TemporaryFolder folder = new();

    public SkippedFilesTests()
    {
        foreach (string name in (string[])["images", "masks"]) Directory.CreateDirectory(folder[name]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Faulty_pairs_are_left_out_and_listed_on_request_and_stop_otherwise()
    {
        foreach (string name in (string[])["a", "cut", "damaged mask", "empty", "of two kinds", "oblong", "text", "threshold", "without mask", "z"]) Pair(name);
        void Change(string kind, string name, Func<byte[], byte[]> change) => File.WriteAllBytes(folder[kind, name + ".png"], change(File.ReadAllBytes(folder[kind, name + ".png"])));
        Change("images", "cut", bytes => bytes[..^20]);
        // Beginning and end are whole: only decoding tells.
        Change("masks", "damaged mask", bytes => [.. bytes[..60], (byte)(bytes[60] ^ 0xFF), .. bytes[61..]]);
        Change("images", "empty", _ => []);
        Change("images", "text", _ => "no picture"u8.ToArray());
        ImageCodec.Save(Pictures.Grey(8, 6, (_, _) => 255), folder["masks", "oblong.png"]);
        ImageCodec.Save(Pictures.Grey(8, 8, (_, x) => x % 2), folder["masks", "threshold.png"]);
        File.Copy(folder["images", "a.png"], folder["images", "of two kinds.jpg"]);
        File.Delete(folder["masks", "without mask.png"]);
        Pair("without image");
        File.Delete(folder["images", "without image.png"]);

        Assert.Throws<DatasetException>(() => Load(new ImageMaskFolderOptions()));
        SegmentationDataset dataset = Load(Skip);
        Assert.Equal(["a", "of two kinds", "z"], dataset.Select(sample => sample.Name));
        (string Kind, string File, string Words)[] expected =
        [
            ("images", "of two kinds.png", "same name"), ("images", "without mask.png", "has no mask"), ("masks", "without image.png", "without an image"), ("images", "cut.png", "cut short"),
            ("masks", "damaged mask.png", "corrupt"), ("images", "empty.png", "empty"), ("masks", "oblong.png", "8×6"), ("images", "text.png", "not a readable PNG or JPEG"), ("masks", "threshold.png", "no value above 1"),
        ];
        Assert.Equal(expected.Select(e => folder[e.Kind, e.File]), dataset.Skipped.Select(s => s.File));
        Assert.All(expected.Zip(dataset.Skipped), pair => Assert.Contains(pair.First.Words, pair.Second.Problem));
        Assert.All(dataset.Skipped, s => Assert.StartsWith(s.File, s.ToString()));
        Assert.EndsWith(", 9 files skipped", dataset.ToString());
        foreach (SegmentationDataset made in (SegmentationDataset[])[dataset.Resize(32), dataset.Subset([0]), dataset.Take(1), dataset.Every(2), dataset.Concat(dataset), new SegmentationDataset(dataset)])
            Assert.Equal(dataset.Skipped, made.Skipped);
        Assert.Empty(new SegmentationDataset([Pictures.Sample("s", 32)]).Skipped);
    }

    [Fact]
    public void Where_no_pair_is_left_the_first_fault_is_told()
    {
        Pair("a");
        Pair("b");
        foreach (string name in (string[])["a", "b"]) File.WriteAllText(folder["images", name + ".png"], "no picture");
        var e = Assert.Throws<DatasetException>(() => Load(Skip));
        Assert.StartsWith($"{folder["images"]} holds no pair that can be used; the first of 2 faults: {folder["images", "a.png"]} is not a readable PNG", e.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Load(Skip with { OnError = (OnError)2 }));
    }

    [Fact]
    public void A_pipe_in_a_folder_is_refused_or_left_out_and_never_waited_for()
    {
        if (OperatingSystem.IsWindows()) return;
        Pair("a");
        Pair("pipe");
        File.Delete(folder["images", "pipe.png"]);
        using (Process made = Process.Start("mkfifo", folder["images", "pipe.png"])) made.WaitForExit();
        Assert.Equal(folder["images", "pipe.png"], Assert.Throws<DatasetException>(() => Load(new ImageMaskFolderOptions())).File);
        Assert.Equal(folder["images", "pipe.png"], Assert.Single(Load(Skip).Skipped).File);
    }

    /// <summary>macOS writes its own data of each file to disks that have no room for it as <c>._name</c>; Jupyter keeps checkpoints in a hidden folder.</summary>
    [Fact]
    public void Hidden_files_and_folders_are_not_looked_at()
    {
        Pair("a");
        foreach (string kind in (string[])["images", "masks"])
        {
            File.WriteAllBytes(folder[kind, "._a.png"], [0, 5, 0x16, 7]);
            File.WriteAllText(folder[kind, ".hidden.jpg"], "hidden");
        }

        SegmentationDataset dataset = Load(new ImageMaskFolderOptions());
        Assert.Equal("a", Assert.Single(dataset).Name);
        Assert.Empty(dataset.Skipped);
        Assert.Equal(["a"], UnlabelledImages.In(folder["images"], 32, 1, Preprocessing.None).Names);

        foreach (string name in (string[])["cats", "dogs", ".ipynb_checkpoints"])
        {
            ImageCodec.Save(Pictures.Colour(8, 8), folder["classes", name, "1.png"]);
            File.WriteAllBytes(folder["classes", name, "._1.png"], [0, 5, 0x16, 7]);
        }

        ImageClassFolder classes = ImageClassFolder.Load(folder["classes"], 32, 2, Preprocessing.None);
        Assert.Equal(["cats", "dogs"], classes.Classes);
        Assert.Equal(2, classes.Batches.SampleCount);
    }

    [Fact]
    public void Odd_names_are_names()
    {
        if (!OperatingSystem.IsLinux()) return;
        foreach (string name in (string[])["a\nb", "ñ — 图", " ", "'\"$(x)"]) Pair(name);
        // A byte that is no UTF-8: .NET cannot name such a file, and says so.
        void Shell(string script)
        {
            using Process shell = Process.Start(new ProcessStartInfo("sh", ["-c", script, folder.Path]))!;
            shell.WaitForExit();
        }

        Shell("for kind in images masks; do cp \"$0/$kind/ .png\" \"$0/$kind/$(printf 'n\\377').png\"; done");
        try
        {
            Assert.Throws<DatasetException>(() => Load(new ImageMaskFolderOptions()));
            SegmentationDataset dataset = Load(Skip);
            Assert.Equal([" ", "'\"$(x)", "a\nb", "ñ — 图"], dataset.Select(sample => sample.Name));
            Assert.Contains("n\uFFFD", Assert.Single(dataset.Skipped).File);
        }
        finally
        {
            Shell("rm \"$0\"/*/n*.png"); // .NET cannot delete it either
        }
    }

    [Fact]
    public void A_folder_or_file_that_must_not_be_read_is_named()
    {
        if (!Unprivileged.IsPossible || OperatingSystem.IsWindows()) return;
        Pair("a");
        foreach (string name in (string[])["cats", "dogs"]) ImageCodec.Save(Pictures.Colour(8, 8), folder["classes", name, "1.png"]);
        const UnixFileMode Everybody = (UnixFileMode)0b101_101_101 | UnixFileMode.UserWrite, Nobody = UnixFileMode.None;
        foreach (string path in (string[])[folder.Path, folder["images"], folder["masks"], folder["classes"], folder["classes", "cats"]]) File.SetUnixFileMode(path, Everybody);
        // What the thread needs is loaded before.
        Assert.Throws<DatasetException>(() => ImageMaskFolder.Load(folder["absent"], folder["masks"]));
        Assert.Single(Load(new ImageMaskFolderOptions()));

        void Refused(string path, Action read)
        {
            File.SetUnixFileMode(path, Nobody);
            try
            {
                var e = Assert.Throws<DatasetException>(() => Unprivileged.Run(read));
                Assert.Equal(path, e.File);
                Assert.Contains("cannot be read", e.Message);
                Assert.Contains("permissions", e.Cure);
            }
            finally
            {
                File.SetUnixFileMode(path, Everybody);
            }
        }

        Refused(folder["masks"], () => Load(new ImageMaskFolderOptions()));
        Refused(folder["images"], () => Load(new ImageMaskFolderOptions()));
        Refused(folder["images", "a.png"], () => Load(new ImageMaskFolderOptions()));
        Refused(folder["masks", "a.png"], () => Load(new ImageMaskFolderOptions()));
        Refused(folder["classes", "dogs"], () => ImageClassFolder.Load(folder["classes"], 32, 2, Preprocessing.None));
        Refused(folder["classes"], () => ImageClassFolder.Load(folder["classes"], 32, 2, Preprocessing.None));
    }

    private void Pair(string name)
    {
        ImageCodec.Save(Pictures.Colour(8, 8), folder["images", name + ".png"]);
        ImageCodec.Save(Pictures.Grey(8, 8, (_, x) => x % 2 * 255), folder["masks", name + ".png"]);
    }

    private SegmentationDataset Load(ImageMaskFolderOptions options) => ImageMaskFolder.Load(folder["images"], folder["masks"], options);
}
