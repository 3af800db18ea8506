using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Training;

/// <summary>
/// Everything that the next epoch of a training depends on, as it stands at the end of one: weights and buffers, Adam's moments, the averages that batch norm keeps beside its
/// state, libtorch's random state and the history; and what tells the training from others. A safetensors file with a checksum over all of it.
/// </summary>
/// <param name="Epoch">The epoch that has ended, counted through all phases.</param>
/// <param name="Phases">First epochs of the phases so far; the last is the one of this checkpoint.</param>
/// <param name="Batches">Batches in an epoch of training, or null where no epoch has shown it.</param>
/// <param name="Settings">See <see cref="TrainingSettings"/>.</param>
/// <param name="History">The epochs so far.</param>
internal sealed record Checkpoint(int Epoch, IReadOnlyList<int> Phases, int? Batches, IReadOnlyDictionary<string, string> Settings, IReadOnlyList<EpochRecord> History)
{
    private const string Form = "1", Model = "model.", Optimizer = "optimizer.", Average = "average.", Random = "random", Checksum = "checksum";

    private static readonly JsonSerializerOptions Json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    private IReadOnlyDictionary<string, Tensor> tensors = new Dictionary<string, Tensor>();
    private IReadOnlyDictionary<string, double> weights = new Dictionary<string, double>();

    /// <summary>Writes the checkpoint of a network and its optimiser, for its owner alone.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    internal void Write(string path, Module model, FusedAdam optimizer)
    {
        using var scope = NewDisposeScope();
        using var generator = Generator.Default;
        var averages = Averages(model).Where(a => a.Average.State is not null).ToDictionary(a => a.Name, a => a.Average.State!.Value);
        var all = new Dictionary<string, Tensor> { [Random] = generator.get_state() };
        foreach ((string name, Tensor tensor) in model.state_dict()) all.Add(Model + name, tensor);
        foreach ((string name, Tensor tensor) in optimizer.State) all.Add(Optimizer + name, tensor);
        foreach ((string name, (Tensor sum, _)) in averages) all.Add(Average + name, sum);
        var header = new Dictionary<string, string>
        {
            ["checkpoint"] = Form,
            ["kit"] = RuntimeStamp.LibraryVersion,
            ["epoch"] = JsonSerializer.Serialize(Epoch),
            ["phases"] = JsonSerializer.Serialize(Phases),
            ["batches"] = JsonSerializer.Serialize(Batches),
            ["settings"] = JsonSerializer.Serialize(Settings),
            ["history"] = JsonSerializer.Serialize(History.Select(SavedEpoch.Of), Json),
            ["averages"] = JsonSerializer.Serialize(averages.ToDictionary(a => a.Key, a => a.Value.Weights)),
        };
        header[Checksum] = Sum(header, all);
        PrivateFiles.Write(path, Safetensors.Content(all, header));
    }

    /// <summary>Reads a checkpoint and compares its checksum.</summary>
    /// <returns>With tensors of the caller's scope.</returns>
    /// <exception cref="WeightsException">The file is damaged or cannot be read.</exception>
    /// <exception cref="CheckpointException">It is of another version of the kit.</exception>
    internal static Checkpoint Read(string path)
    {
        (IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> header) = Safetensors.Read(path);
        string Text(string name) => header.GetValueOrDefault(name) ?? throw new WeightsException($"{path} is damaged: its header has no '{name}'.");
        if (Text(Checksum) != Sum(header, tensors)) throw new WeightsException($"{path} is damaged: its content does not have the checksum that it was written with.");
        if (Text("checkpoint") != Form)
            throw new CheckpointException($"{path} was written by version {header.GetValueOrDefault("kit", "unknown")} of this library in form {Text("checkpoint")}, and this is version {RuntimeStamp.LibraryVersion}, which reads form {Form}. Finish the training with that version, or name another folder.");
        T? Value<T>(string name) => JsonSerializer.Deserialize<T>(Text(name), Json);
        try
        {
            var checkpoint = new Checkpoint(
                Value<int>("epoch"), Value<int[]>("phases") ?? [], Value<int?>("batches"), Value<Dictionary<string, string>>("settings") ?? [], [.. (Value<SavedEpoch?[]>("history") ?? []).OfType<SavedEpoch>().Select(e => e.ToRecord())])
            {
                tensors = tensors,
                weights = Value<Dictionary<string, double>>("averages") ?? [],
            };
            if (checkpoint.IsWhole) return checkpoint;
        }
        catch (JsonException e)
        {
            throw new WeightsException($"{path} is damaged: its header holds something else than a checkpoint ({e.Message})", e);
        }

        throw new WeightsException($"{path} is damaged: its parts do not belong together.");
    }

    /// <summary>The checksum tells damage; a file that somebody has written by hand may have the right one.</summary>
    private bool IsWhole =>
        Phases is [>= 1, ..] && Phases.Zip(Phases.Skip(1)).All(pair => pair.First < pair.Second) && Phases[^1] <= Epoch && Batches is null or > 0
        && History.Select(e => e.Epoch).SequenceEqual(Enumerable.Range(1, Epoch)) && tensors.ContainsKey(Random) && weights.Keys.All(name => tensors.ContainsKey(Average + name));

    /// <summary>Gives the tensors to the scope around the present one.</summary>
    internal Checkpoint MovedToOuterScope()
    {
        foreach (Tensor tensor in tensors.Values) tensor.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>Gives a network its weights, its buffers and the averages of its batch-norm layers.</summary>
    /// <exception cref="CheckpointException">It is another network.</exception>
    internal void RestoreModel(Module model, string path)
    {
        using var noGrad = no_grad();
        Dictionary<string, Tensor> state = model.state_dict(), saved = Part(Model);
        string? wrong = state.Keys.Union(saved.Keys).FirstOrDefault(name => !state.TryGetValue(name, out Tensor? here) || !saved.TryGetValue(name, out Tensor? there) || !here.shape.SequenceEqual(there.shape) || here.dtype != there.dtype);
        if (wrong is not null)
            throw new CheckpointException($"{path} is of another network: '{wrong}' is missing on one side, or of another shape or type. Build the network as it was, or name another folder.");
        foreach ((string name, Tensor tensor) in state) tensor.copy_(saved[name]);
        foreach ((string name, ZeroDebiasedAverage average) in Averages(model))
        {
            average.Reset();
            if (weights.TryGetValue(name, out double sum)) average.Load(tensors[Average + name], sum);
        }
    }

    /// <summary>Gives Adam its moments, and libtorch the random state.</summary>
    /// <param name="optimizer">Of the parameters that were trained.</param>
    /// <param name="seed">The training's seed. A GPU's random state cannot be read from here: there, dropout draws other numbers than it would have, and not those of the first epochs.</param>
    internal void RestoreProgress(FusedAdam optimizer, int seed)
    {
        optimizer.Load(Part(Optimizer));
        TorchRuntime.Seed((long)seed + Epoch);
        using var generator = Generator.Default;
        generator.set_state(tensors[Random]);
    }

    private Dictionary<string, Tensor> Part(string prefix) =>
        tensors.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(t => t.Key[prefix.Length..], t => t.Value);

    private static IEnumerable<(string Name, ZeroDebiasedAverage Average)> Averages(Module model) =>
        model.named_modules().Prepend((name: "", module: model)).DistinctBy(m => m.module, ReferenceEqualityComparer.Instance)
            .SelectMany(m => m.module is ModalBatchNorm2d layer ? layer.Averages.Select(a => ($"{m.name}.{a.Name}", a.Average)) : []);

    /// <summary>SHA-256 of the header's texts and of names, types, shapes and bytes of the tensors.</summary>
    internal static string Sum(IReadOnlyDictionary<string, string> header, IReadOnlyDictionary<string, Tensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Text(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        foreach ((string name, string text) in header.Where(h => h.Key != Checksum).OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            Text(name);
            Text(text);
        }

        foreach ((string name, Tensor tensor) in tensors.OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            Text(name);
            Text($"{tensor.dtype} {string.Join(' ', tensor.shape.Select(side => side.ToString(CultureInfo.InvariantCulture)))}");
            TensorMemory.Read(tensor, hash.AppendData);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private sealed record SavedScore(double Loss, Figure[] Figures)
    {
        internal static SavedScore Of(Score score) => new(score.Loss, [.. score.Figures]);

        internal Score ToScore() => new(Loss, Figures);
    }

    private sealed record SavedEpoch(int Epoch, SavedScore Training, SavedScore Validation, SavedScore Inference, double LearningRate, double Seconds, double DataWait)
    {
        internal static SavedEpoch Of(EpochRecord e) => new(e.Epoch, SavedScore.Of(e.Training), SavedScore.Of(e.Validation), SavedScore.Of(e.TrainingInInferenceMode), e.LearningRate, e.Seconds, e.DataWait);

        internal EpochRecord ToRecord() => new(Epoch, Training.ToScore(), Validation.ToScore(), Inference.ToScore(), LearningRate, Seconds) { DataWait = DataWait };
    }
}
