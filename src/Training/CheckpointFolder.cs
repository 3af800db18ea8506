using System.Globalization;
using TorchSharp;
using UnetResnet.Runtime;
using UnetResnet.Weights;

namespace UnetResnet.Training;

/// <summary>The checkpoints of one training in a folder, <c>checkpoint-000012.safetensors</c> for epoch 12. The newest is the one of the highest epoch: times of files depend on clocks.</summary>
internal sealed class CheckpointFolder
{
    private const string Prefix = "checkpoint-", Extension = ".safetensors";
    private readonly string folder;
    private readonly int kept;

    /// <summary>Makes the folder, for its owner alone, if it is missing, and finds out whether it can be written to: better now than after the first epoch.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="kept">How many checkpoints stay.</param>
    /// <exception cref="CheckpointException">It cannot be made or written to.</exception>
    internal CheckpointFolder(string path, int kept)
    {
        this.kept = kept;
        try
        {
            folder = PrivateFiles.CreateFolder(path);
            using var name = new TemporaryName(Path.Combine(folder, "checkpoint"));
            new FileStream(name.Path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"No checkpoint can be written to {path}: {WeightsFile.Reason(e)}. Name a folder that can be written to.", e);
        }
    }

    /// <summary>The file of an epoch.</summary>
    internal string PathOf(int epoch) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{epoch:000000}{Extension}"));

    /// <summary>The newest checkpoint that is whole, or null where there is none.</summary>
    /// <param name="passedOver">Told about each damaged file that is newer.</param>
    /// <returns>With tensors of the caller's scope.</returns>
    /// <exception cref="CheckpointException">A file is there and must not be read, or is of another version.</exception>
    internal Checkpoint? Newest(Action<string> passedOver)
    {
        foreach ((string path, int epoch) in Files())
        {
            using var scope = torch.NewDisposeScope();
            try
            {
                Checkpoint found = Checkpoint.Read(path);
                if (found.Epoch != epoch) throw new WeightsException($"{path} holds the checkpoint of epoch {found.Epoch}: somebody has renamed it.");
                return found.MovedToOuterScope();
            }
            catch (WeightsException e) when (e.InnerException is UnauthorizedAccessException)
            {
                throw new CheckpointException($"{path} must not be read by this user. Give access, or name another folder.", e);
            }
            catch (WeightsException e)
            {
                passedOver($"{Path.GetFileName(path)} was passed over. {e.Message}");
            }
        }

        return null;
    }

    /// <summary>Writes a checkpoint and deletes those that are too many.</summary>
    /// <exception cref="CheckpointException">It cannot be written; earlier ones are as they were.</exception>
    internal void Save(Checkpoint checkpoint, torch.nn.Module model, FusedAdam optimizer)
    {
        try
        {
            checkpoint.Write(PathOf(checkpoint.Epoch), model, optimizer);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string before = Files().Where(file => file.Epoch < checkpoint.Epoch).Select(file => $"That of epoch {file.Epoch.ToString(CultureInfo.InvariantCulture)} is intact. ").FirstOrDefault("");
            throw new CheckpointException(
                $"The checkpoint of epoch {checkpoint.Epoch} could not be written to {folder}: {WeightsFile.Reason(e)}. {before}Make room and call Fit again with the same folder: it goes on from the newest checkpoint.", e);
        }

        foreach ((string path, _) in Files().Where(file => file.Epoch <= checkpoint.Epoch).Skip(kept).ToList())
        {
            try
            {
                File.Delete(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // One more than was asked for does no harm.
            }
        }
    }

    /// <summary>The newest first.</summary>
    private IEnumerable<(string Path, int Epoch)> Files() => Directory.EnumerateFiles(folder, $"{Prefix}*{Extension}")
        .Select(path => (path, int.TryParse(Path.GetFileNameWithoutExtension(path)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int epoch) ? epoch : 0))
        .Where(file => file.Item2 > 0 && file.path == PathOf(file.Item2)).OrderByDescending(file => file.Item2);
}
