using System.Security.Cryptography;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Training;

/// <summary>
/// A U-Net that computes the features of its frozen encoder once for each image and afterwards only its decoder: for a <see cref="Trainer"/> in the U-Net's place. The
/// losses are those of the U-Net itself. An image is known by its pixels, so that augmented images are right too, and merely never found again.
/// </summary>
/// <remarks>
/// It has the decoder's parameters under the names that they have in the U-Net. The encoder must be frozen and independent of the batch, and stay as it is: it is checked
/// whenever <c>train()</c> or <c>eval()</c> is called, which a trainer does in every epoch.
/// </remarks>
public sealed class FeatureCache : Module<Tensor, Tensor>
{
    private const string FolderName = "unetresnet-features";

    private readonly UNetResNet50 unet;
    private readonly FeatureCacheOptions options;
    private readonly string fingerprint;
    private readonly Dictionary<string, Tensor[]> inMemory = [];
    private readonly Dictionary<string, (ScalarType Type, long[] Shape)[]> onDisk = [];
    private TemporaryName? folder;

    /// <summary>Makes an empty cache.</summary>
    /// <param name="unet">The network, its encoder frozen in inference mode; stays the caller's and must outlive the cache.</param>
    /// <param name="options">Where features are kept; null for the defaults.</param>
    /// <exception cref="ArgumentException">The encoder is trained, or its output depends on the batch.</exception>
    public FeatureCache(UNetResNet50 unet, FeatureCacheOptions? options = null) : base(nameof(FeatureCache))
    {
        this.unet = unet;
        this.options = options ?? new FeatureCacheOptions();
        if (WhatMoves(unet.Encoder) is { } reason)
            throw new ArgumentException($"{reason}, so that an image's features are not the same in every epoch. Freeze it with unet.Encoder.Freeze(BatchNormMode.Inference).", nameof(unet));
        fingerprint = Fingerprint(unet.Encoder);
        register_module("decoder", unet.Decoder);
    }

    /// <summary>Images whose features are in memory.</summary>
    public int ImagesInMemory => inMemory.Count;

    /// <summary>Images whose features are on disk.</summary>
    public int ImagesOnDisk => onDisk.Count;

    /// <summary>Bytes of features in memory.</summary>
    public long BytesInMemory { get; private set; }

    /// <summary>Images that a forward pass found in the cache so far.</summary>
    public long Hits { get; private set; }

    /// <summary>Segments.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W), sides divisible by 32.</param>
    /// <returns>Logits (N, 1, H, W), owned by the caller.</returns>
    public override Tensor forward(Tensor images)
    {
        UNetResNet50.CheckSides(images);
        using var scope = NewDisposeScope();
        return unet.Decoder.call(Features(images)).MoveToOuterDisposeScope();
    }

    /// <summary>Sets the decoder's training flag, and checks that the encoder is what it was.</summary>
    /// <param name="on">Whether to train.</param>
    /// <exception cref="InvalidOperationException">The encoder has changed since the cache was made.</exception>
    public override void train(bool on = true)
    {
        if (WhatMoves(unet.Encoder) is not null || Fingerprint(unet.Encoder) != fingerprint)
            throw new InvalidOperationException("The encoder has changed or was unfrozen since the feature cache was made, so its features are out of date. Make a new cache, or train the U-Net itself.");
        base.train(on);
    }

    /// <summary>Frees the features and deletes what is on disk; the U-Net stays.</summary>
    protected override void Dispose(bool disposing)
    {
        // Not the base class: it would free the decoder, which is the U-Net's.
        if (!disposing) return;
        foreach (Tensor feature in inMemory.Values.SelectMany(f => f)) feature.Dispose();
        inMemory.Clear();
        onDisk.Clear();
        BytesInMemory = 0;
        if (folder is not null && Directory.Exists(folder.Path)) Directory.Delete(folder.Path, recursive: true);
        folder?.Dispose();
        folder = null;
    }

    /// <summary>The encoder's five feature maps for a batch.</summary>
    private Tensor[] Features(Tensor images)
    {
        using var noGrad = no_grad();
        // What is kept serves every precision.
        using IDisposable full = ComputePrecision.Force(Precision.Float32);
        using var scope = NewDisposeScope();
        string[] keys = [.. Enumerable.Range(0, (int)images.shape[0]).Select(i => Key(images, i))];
        int[] missing = [.. Enumerable.Range(0, keys.Length).Where(i => !inMemory.ContainsKey(keys[i]) && !onDisk.ContainsKey(keys[i])).DistinctBy(i => keys[i])];
        Hits += keys.Length - missing.Length;
        if (missing.Length > 0)
        {
            Tensor[] computed = unet.Encoder.Features(missing.Length == keys.Length ? images : cat([.. missing.Select(i => images.narrow(0, i, 1))]));
            for (int i = 0; i < missing.Length; i++) Keep(keys[missing[i]], [.. computed.Select(f => f.narrow(0, i, 1))]);
        }

        Tensor[][] found = [.. keys.Select(key => inMemory.TryGetValue(key, out Tensor[]? features) ? features : Read(key, images.device))];
        return [.. Enumerable.Range(0, found[0].Length).Select(level => cat([.. found.Select(f => f[level])]).MoveToOuterDisposeScope())];
    }

    private void Keep(string key, Tensor[] features)
    {
        long bytes = features.Sum(f => f.numel() * f.element_size());
        if (BytesInMemory + bytes <= options.MemoryLimit)
        {
            inMemory.Add(key, [.. features.Select(f => f.clone().DetachFromDisposeScope())]);
            BytesInMemory += bytes;
            return;
        }

        try
        {
            Spill(PathOf(key), features);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Features cannot be kept in {options.Directory ?? Path.GetTempPath()}: {WeightsFile.Reason(e)}. Make room, name another {nameof(FeatureCacheOptions.Directory)}, or raise {nameof(FeatureCacheOptions.MemoryLimit)}.", e);
        }

        onDisk.Add(key, [.. features.Select(f => (f.dtype, f.shape))]);
    }

    private static void Spill(string path, Tensor[] features) => PrivateFiles.Write(path, stream =>
    {
        foreach (Tensor feature in features) TensorMemory.Read(feature, stream.Write);
    }, sweep: false);

    private Tensor[] Read(string key, Device device)
    {
        using FileStream file = File.OpenRead(PathOf(key));
        return [.. onDisk[key].Select(kept =>
        {
            Tensor feature = TensorMemory.New(kept.Shape, kept.Type);
            file.ReadExactly(TensorMemory.Of(feature));
            return feature.to(device);
        })];
    }

    /// <summary>In a folder that this process's death does not leave behind for good: it shows the images that its features were made from.</summary>
    private string PathOf(string key)
    {
        if (folder is null)
        {
            string above = PrivateFiles.CreateFolder(options.Directory ?? Path.GetTempPath());
            TemporaryName.SweepFolders(above, FolderName);
            folder = new TemporaryName(Path.Combine(above, FolderName));
            PrivateFiles.CreateFolder(folder.Path);
        }

        return Path.Combine(folder.Path, key + ".features");
    }

    private static string Key(Tensor images, int place)
    {
        using Tensor image = images.narrow(0, place, 1);
        string hash = "";
        TensorMemory.Read(image, bytes => hash = Convert.ToHexString(SHA256.HashData(bytes)));
        // Images of one content and two shapes are two images.
        return $"{hash}-{image.shape[2]}x{image.shape[3]}";
    }

    private static string Fingerprint(ResNet50Encoder encoder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor tensor in encoder.state_dict().Values) TensorMemory.Read(tensor, hash.AppendData);

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Why an image's features are not always the same, or null.</summary>
    private static string? WhatMoves(ResNet50Encoder encoder)
    {
        if (encoder.named_parameters().FirstOrDefault(p => p.parameter.requires_grad) is { parameter: not null } trained) return $"The encoder is trained ('{trained.name}' receives gradients)";
        if (encoder.BatchNormLayers().FirstOrDefault(l => l.Layer.Mode != BatchNormMode.Inference) is { Layer: not null } moving) return $"The encoder's batch-norm layer '{moving.Name}' is in mode {moving.Layer.Mode}";
        return null;
    }
}
