using TorchSharp.Modules;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static UnetResnet.Tests.Training.Toys;

namespace UnetResnet.Tests.Training;

/// <summary>Damaged checkpoints, full disks, folders that cannot be written to, wrong clocks.</summary>
[Trait("Category", "Reliability")]
public sealed class CheckpointDamageTests : IDisposable
{
    private const int Epochs = 4;

    private readonly TemporaryFolder folder = new();
    private readonly int threads = get_num_threads();

    public CheckpointDamageTests() => TorchRuntime.Initialize(threads: 1);

    public void Dispose()
    {
        TorchRuntime.Initialize(threads: threads);
        folder.Dispose();
    }

    /// <summary>Also bytes that leave the file a valid one with other numbers, which only the checksum tells.</summary>
    [Theory]
    [InlineData("empty")]
    [InlineData("cut")]
    [InlineData("header")]
    [InlineData("first number")]
    [InlineData("last number")]
    [InlineData("longer")]
    [InlineData("older one under its name")]
    public void The_newest_one_that_is_whole_is_taken_and_damaged_ones_are_named(string damage)
    {
        string uninterrupted = SoakTraining.Run(Epochs, null, null);
        Assert.Equal(uninterrupted, SoakTraining.Run(Epochs, folder.Path, null));
        string newest = folder["checkpoint-000004.safetensors"];
        byte[] bytes = File.ReadAllBytes(newest);
        int numbers = 8 + BitConverter.ToInt32(bytes);
        switch (damage)
        {
            case "empty": bytes = []; break;
            case "cut": bytes = bytes[..^1000]; break;
            case "header": bytes[8 + new Span<byte>(bytes, 8, numbers - 8).IndexOf("LearningRate"u8)] = (byte)'l'; break;
            case "first number": bytes[numbers] ^= 1; break;
            case "last number": bytes[^1] ^= 1; break;
            case "longer": bytes = [.. bytes, 0]; break;
            default: bytes = File.ReadAllBytes(folder["checkpoint-000003.safetensors"]); break;
        }

        File.WriteAllBytes(newest, bytes);
        using Sequential net = SoakTraining.Network();
        var seen = new Recorder();
        TrainingHistory history = SoakTraining.Recipe(Epochs).Fit(net, SoakTraining.Training(), SoakTraining.Validation(), seen, checkpoints: folder.Path);
        Assert.Equal([4], seen.Epochs.Select(e => e.Epoch));
        Assert.Equal(uninterrupted, SoakTraining.Fingerprint(net, history));
        Assert.StartsWith("checkpoint-000004.safetensors was passed over. ", history.Remarks[0]);
        Assert.Equal($"Resumed after epoch 3, from {folder["checkpoint-000003.safetensors"]}.", history.Remarks[^1]);
        Assert.Equal(2, history.Remarks.Count);
    }

    [Fact]
    public void Where_none_is_whole_training_begins_anew_and_says_so()
    {
        string uninterrupted = SoakTraining.Run(Epochs, folder.Path, null);
        foreach (string file in Directory.GetFiles(folder.Path)) File.WriteAllText(file, "not a checkpoint");
        using Sequential net = SoakTraining.Network();
        TrainingHistory history = SoakTraining.Recipe(Epochs).Fit(net, SoakTraining.Training(), SoakTraining.Validation(), checkpoints: folder.Path);
        Assert.Equal(uninterrupted, SoakTraining.Fingerprint(net, history));
        Assert.Contains("No other checkpoint is there, so the training begins at its start.", history.Remarks);
    }

    /// <summary>Texts with their lengths, the header's and then each tensor's name, type, shape and bytes, in ordinal order: written out here, so that files stay readable.</summary>
    [Fact]
    public void The_checksum_is_over_everything_in_a_fixed_order()
    {
        using var scope = NewDisposeScope();
        static byte[] Text(string text) => [.. BitConverter.GetBytes(text.Length), .. System.Text.Encoding.UTF8.GetBytes(text)];
        var header = new Dictionary<string, string> { ["b"] = "2", ["checksum"] = "is not a part of itself", ["a"] = "1" };
        var tensors = new Dictionary<string, Tensor> { ["y"] = tensor(7L), ["x"] = tensor(new[] { 1f, 2f }, [2, 1]) };
        byte[] whole =
        [
            .. Text("a"), .. Text("1"), .. Text("b"), .. Text("2"),
            .. Text("x"), .. Text("Float32 2 1"), .. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(2f), .. Text("y"), .. Text("Int64 "), .. BitConverter.GetBytes(7L),
        ];
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(whole)), Checkpoint.Sum(header, tensors));
    }

    [Fact]
    public void A_checkpoint_of_a_later_version_is_refused_by_name()
    {
        using Sequential net = Network();
        Fit(net, 1);
        string path = folder["checkpoint-000001.safetensors"];
        var (tensors, header) = Safetensors.Read(path);
        Dictionary<string, string> later = new(header) { ["checkpoint"] = "2", ["kit"] = "9.9.9" };
        later["checksum"] = Checkpoint.Sum(later, tensors);
        Safetensors.Write(path, tensors, later);
        foreach (Tensor tensor in tensors.Values) tensor.Dispose();
        string message = Assert.Throws<CheckpointException>(() => Fit(net, 1)).Message;
        Assert.StartsWith($"{path} was written by version 9.9.9 of this library in form 2", message);
    }

    /// <summary>A clock that was set back writes newer files with older times.</summary>
    [Fact]
    public void The_newest_is_that_of_the_highest_epoch_whatever_the_clock_says()
    {
        using (Sequential net = Network()) Fit(net, 3);
        for (int epoch = 1; epoch <= 3; epoch++) File.SetLastWriteTimeUtc(folder[$"checkpoint-00000{epoch}.safetensors"], new DateTime(2030 - epoch, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        using Sequential again = Network();
        Assert.Equal($"Resumed after epoch 3, from {folder["checkpoint-000003.safetensors"]}.", Fit(again, 3).Remarks.Single());
    }

    [Fact]
    public void A_full_disk_is_one_sentence_and_the_checkpoints_before_it_are_whole()
    {
        if (OperatingSystem.IsWindows()) return;
        string uninterrupted = SoakTraining.Run(Epochs, null, null);
        SizeLimit? full = null;
        string message;
        try
        {
            message = Assert.Throws<CheckpointException>(() => SoakTraining.Run(Epochs, folder.Path, new Recorder(e => { if (e.Epoch == 2) full = new SizeLimit(5000); }))).Message;
        }
        finally
        {
            full?.Dispose();
        }

        Assert.StartsWith($"The checkpoint of epoch 3 could not be written to {folder.Path}: ", message);
        Assert.Contains("That of epoch 2 is intact. Make room and call Fit again", message);
        Assert.Equal(["checkpoint-000001.safetensors", "checkpoint-000002.safetensors"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order());
        Assert.Equal(uninterrupted, SoakTraining.Run(Epochs, folder.Path, null));
    }

    [Theory]
    [InlineData("keras")]
    [InlineData("pytorch")]
    [InlineData("save")]
    public void Weights_that_do_not_fit_on_the_disk_are_one_sentence_and_the_old_file_stays(string writer)
    {
        if (OperatingSystem.IsWindows()) return;
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        string path = writer switch { "keras" => folder["encoder.h5"], "pytorch" => folder[PyTorchExport.Files[0]], _ => folder["unet.safetensors"] };
        File.WriteAllText(path, "what was there before");
        using (new SizeLimit(100_000))
        {
            string message = Assert.Throws<WeightsException>(() =>
            {
                if (writer == "keras") KerasExport.Write(unet.Encoder, path, overwrite: true);
                else if (writer == "pytorch") PyTorchExport.Write(unet, folder.Path, overwrite: true);
                else unet.Save(path);
            }).Message;
            Assert.StartsWith($"{path} could not be written: ", message);
            Assert.DoesNotContain(".tmp", message);
        }

        Assert.Equal("what was there before", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    /// <summary>Where the test may mount a disk; elsewhere the two tests before this one stand for it.</summary>
    [Fact]
    public void A_disk_that_is_really_full_keeps_what_was_there()
    {
        using SmallDisk? disk = SmallDisk.TryMount(1 << 20);
        if (disk is null) return;
        string uninterrupted = SoakTraining.Run(Epochs, null, null), checkpoints = disk["checkpoints"], weights = disk["unet.safetensors"], rest = "";
        File.WriteAllText(weights, "what was there before");
        string message = Assert.Throws<CheckpointException>(() => SoakTraining.Run(Epochs, checkpoints, new Recorder(e => { if (e.Epoch == 2) rest = disk.Fill(); }))).Message;
        Assert.StartsWith($"The checkpoint of epoch 3 could not be written to {checkpoints}: ", message);
        Assert.Contains("That of epoch 2 is intact. Make room and call Fit again", message);

        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        message = Assert.Throws<WeightsException>(() => unet.Save(weights)).Message;
        Assert.StartsWith($"{weights} could not be written: ", message);
        Assert.Equal("what was there before", File.ReadAllText(weights));
        Assert.Equal([rest, weights], Directory.GetFiles(disk.Path).Order());
        Assert.Equal(["checkpoint-000001.safetensors", "checkpoint-000002.safetensors"], Directory.GetFiles(checkpoints).Select(Path.GetFileName).Order());

        File.Delete(rest);
        Assert.Equal(uninterrupted, SoakTraining.Run(Epochs, checkpoints, null));
    }

    [Theory]
    [InlineData("a file in its place")]
    [InlineData("a folder of the system")]
    public void A_folder_that_cannot_be_written_to_is_found_before_the_first_batch(string kind)
    {
        if (!OperatingSystem.IsLinux()) return;
        string path = kind == "a file in its place" ? folder.Write("taken", "") : "/proc/checkpoints";
        int losses = 0;
        using Sequential net = Network();
        var options = new TrainingOptions { Task = LearningTask.Of((outputs, targets) => { losses++; return Losses.BinaryCrossEntropy(outputs, targets); }) };
        string message = Assert.Throws<CheckpointException>(() => new Trainer(net, options).Fit(Squares(2, 2), Squares(2, 2), checkpoints: path)).Message;
        Assert.StartsWith($"No checkpoint can be written to {path}: ", message);
        Assert.EndsWith("Name a folder that can be written to.", message);
        Assert.Equal(0, losses);
    }

    /// <summary>A folder that belongs to somebody else: for root too, by a thread without root's rights.</summary>
    [Fact]
    public void A_read_only_folder_is_one_sentence_and_what_lies_there_is_intact()
    {
        if (!Unprivileged.IsPossible || OperatingSystem.IsWindows()) return;
        using (Sequential net = Network()) Fit(net, 1);
        string file = folder["checkpoint-000001.safetensors"];
        byte[] before = File.ReadAllBytes(file);
        Assert.Throws<CheckpointException>(() => new CheckpointFolder(Path.Combine(file, "below"), 3)); // loads what the thread needs
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b101_101_101);
        string message = Assert.Throws<CheckpointException>(() => Unprivileged.Run(() => new CheckpointFolder(folder.Path, 3))).Message;
        Assert.StartsWith($"No checkpoint can be written to {folder.Path}: ", message);
        Assert.EndsWith("Name a folder that can be written to.", message);
        Assert.DoesNotContain(".tmp", message);
        Assert.Equal(before, File.ReadAllBytes(file));

        // One that must not be read is no damaged one: an earlier epoch in its place would lose what is there.
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_111_111);
        File.SetUnixFileMode(file, UnixFileMode.None);
        message = Assert.Throws<CheckpointException>(() => Unprivileged.Run(() => new CheckpointFolder(folder.Path, 3).Newest(_ => { }))).Message;
        Assert.Equal($"{file} must not be read by this user. Give access, or name another folder.", message);
    }

    /// <summary>What damage cannot do, because the checksum is right: a file from another hand.</summary>
    [Theory]
    [InlineData("epoch", "0")]
    [InlineData("epoch", "\"one\"")]
    [InlineData("phases", "[]")]
    [InlineData("phases", "[1,1]")]
    [InlineData("phases", "[7]")]
    [InlineData("phases", "null")]
    [InlineData("batches", "0")]
    [InlineData("settings", "[1]")]
    [InlineData("settings", "{\"a\":{}}")]
    [InlineData("history", "null")]
    [InlineData("history", "[null]")]
    [InlineData("history", "[{}]")]
    [InlineData("history", "[{\"Epoch\":1,\"Training\":null}]")]
    [InlineData("averages", "{\"absent\":1}")]
    [InlineData("averages", "no JSON")]
    [InlineData("random", null)]
    public void A_checkpoint_of_another_hand_is_passed_over_like_a_damaged_one(string part, string? content)
    {
        using (Sequential net = Network()) Fit(net, 1);
        string path = folder["checkpoint-000001.safetensors"];
        (IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> header) = Safetensors.Read(path);
        Dictionary<string, string> forged = new(header);
        if (content is not null) forged[part] = content;
        var kept = tensors.Where(t => content is not null || t.Key != part).ToDictionary();
        forged["checksum"] = Checkpoint.Sum(forged, kept);
        Safetensors.Write(path, kept, forged);
        foreach (Tensor tensor in tensors.Values) tensor.Dispose();
        using Sequential again = Network();
        TrainingHistory history = Fit(again, 1);
        Assert.Single(history);
        Assert.StartsWith($"checkpoint-000001.safetensors was passed over. {path} is damaged: ", history.Remarks[0]);
    }

    /// <summary>Other files beside the checkpoints are neither read nor deleted.</summary>
    [Fact]
    public void Foreign_files_in_the_folder_stay()
    {
        string[] foreign = ["checkpoint-000009.safetensors.bak", "checkpoint-9.safetensors", "checkpoint-000000.safetensors", "checkpoint-000009.txt", "notes.tmp", "checkpoint-+00009.safetensors", "checkpoint-99999999999.safetensors"];
        foreach (string name in foreign) folder.Write(name, "not ours");
        Directory.CreateDirectory(folder["checkpoint-000008.safetensors"]);
        using Sequential net = Network();
        TrainingHistory history = new Trainer(net, new TrainingOptions { Epochs = 3, KeptCheckpoints = 1 }).Fit(Squares(4, 2), Squares(2, 2), checkpoints: folder.Path);
        Assert.Empty(history.Remarks);
        Assert.Equal(foreign.Append("checkpoint-000003.safetensors").Order(StringComparer.Ordinal), Directory.GetFiles(folder.Path).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
        Assert.All(foreign, name => Assert.Equal("not ours", File.ReadAllText(folder[name])));
    }

    private TrainingHistory Fit(Sequential net, int epochs) => new Trainer(net, new TrainingOptions { Epochs = epochs }).Fit(Squares(4, 2), Squares(2, 2), checkpoints: folder.Path);
}
