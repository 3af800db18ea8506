using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using UnetResnet.Weights;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>The exported <c>train.py</c> trains what the kit trains, in one process and in two, and what it saves comes back.</summary>
public sealed class TrainScriptTests(ITestOutputHelper output) : IDisposable
{
    private const string Modules = "torch, numpy, PIL";

    private readonly TrainFolder folder = new();

    public void Dispose() => folder.Dispose();

    [PythonTheory(Modules)]
    [InlineData(BatchNormMode.Keras213)]
    public void One_process_trains_what_the_kit_s_trainer_trains(BatchNormMode frozen)
    {
        (int code, _, string errors) = Python.RunFile(folder["train.py"],
            [.. folder.Data, "--frozen", $"{frozen}", "--epochs", "2", "--learning-rate", "3e-4", "--seed", "5", "--log", folder["log"], "--output", folder["trained.safetensors"]]);
        Assert.True(code == 0, errors);

        using UNetResNet50 unet = UNetResNet50.Load(folder["model.safetensors"]);
        unet.Encoder.Freeze(frozen);
        (SegmentationDataset training, SegmentationDataset validation) = folder.Load();
        var loader = new BatchLoaderOptions { BatchSize = 4, Preprocessing = Preprocessing.Caffe };
        TrainingHistory history = new Trainer(unet, new TrainingOptions { Epochs = 2, LearningRate = 3e-4, Schedule = LearningRateSchedules.Cosine }).Fit(
            new BatchLoader(training, loader with { Shuffle = true, Seed = 5 }), new BatchLoader(validation, loader));

        IReadOnlyList<JsonElement> epochs = folder.Log("log", "training");
        foreach ((EpochRecord own, JsonElement theirs) in history.Zip(epochs))
        {
            foreach ((Score score, string name) in new[] { (own.Training, "training"), (own.Validation, "validation"), (own.TrainingInInferenceMode, "training_in_inference_mode") })
            {
                JsonElement found = theirs.GetProperty(name);
                output.WriteLine($"epoch {own.Epoch}, {name}: {score}; train.py {found}");
                // Adam's first steps have the size of the learning rate whatever the gradient's, so that rounding grows with it; another order of the images differs by
                // three times as much as is allowed.
                Assert.Equal(score.Loss, found.GetProperty("loss").GetDouble(), 0.005 * score.Loss);
                Assert.Equal(score.IoU, found.GetProperty("IoU").GetDouble(), 0.01);
                Assert.Equal(score.Dice, found.GetProperty("Dice").GetDouble(), 0.01);
            }
        }

        Assert.Equal(2, epochs.Count);
        using UNetResNet50 trained = UNetResNet50.Load(folder["trained.safetensors"]);
        Assert.Equal(unet.Options, trained.Options);
        Assert.Equal(unet.BatchNormLayers().Select(l => l.Layer.Mode), trained.BatchNormLayers().Select(l => l.Layer.Mode));
        Assert.Equal(unet.named_parameters().Select(p => p.parameter.requires_grad), trained.named_parameters().Select(p => p.parameter.requires_grad));
    }

    [PythonTheory(Modules)]
    [InlineData(2)]
    public void Two_processes_are_one_where_no_layer_uses_the_batch_s_statistics_and_with_synchronised_ones(int processes)
    {
        using var scope = NewDisposeScope();
        Tensor input = new BatchLoader(folder.Load().Validation, new BatchLoaderOptions { BatchSize = TrainFolder.Validation, Preprocessing = Preprocessing.Caffe }).Epoch().First().Inputs;
        Safetensors.Write(folder["validation.safetensors"], new Dictionary<string, Tensor> { ["input"] = input });
        (int code, _, string errors) = Python.RunFile(Python.Golden("train_runs.py"), folder.Path);
        Assert.True(code == 0, errors);
        (code, _, errors) = Python.RunProcesses(processes, Python.Golden("train_runs.py"), folder.Path);
        Assert.True(code == 0, errors);

        double[] still = Differences("still"), local = Differences("local"), synchronised = Differences("sync");
        output.WriteLine($"largest difference of the loss: {still.Max():g3} in {still.Length} steps without batch statistics, {local.Max():g3} in {local.Length} with those of each process's part, {synchronised[0]:g3} in the first with synchronised ones");
        Assert.Equal(20, still.Length);
        Assert.InRange(still.Max(), 0, 1e-4);
        // Each process normalises by two images instead of four: far more than what rounding does.
        Assert.InRange(local.Max(), 3e-4, 0.1);
        Assert.InRange(synchronised[0], 0, 1e-4);

        // Back in C#: the trained network predicts what PyTorch predicts.
        using UNetResNet50 trained = UNetResNet50.Load(folder["still-2.safetensors"]), before = UNetResNet50.Load(folder["model.safetensors"]);
        Assert.Equal(BatchNormMode.AffineOnly, trained.Decoder.BatchNormLayers()[0].Layer.Mode);
        using var noGrad = no_grad();
        trained.eval();
        before.eval();
        Tensor theirs = Safetensors.Read(folder["still-2.logits.safetensors"]).Tensors["logits"], ours = trained.call(input);
        float predicted = (ours.sigmoid() - theirs.sigmoid()).abs().max().item<float>();
        output.WriteLine($"largest logit {theirs.abs().max().item<float>():g3}, largest difference of the logits {(ours - theirs).abs().max().item<float>():g3}, of the predictions {predicted:g3}");
        Assert.InRange(predicted, 0, 1e-4);
        Assert.True((ours - before.call(input)).abs().max().item<float>() > 1e-3);

        // Moments that were added up by all_reduce are those of one process and of the kit.
        using UNetResNet50 one = UNetResNet50.Load(folder["recalibrated-1.safetensors"]), two = UNetResNet50.Load(folder["recalibrated-2.safetensors"]);
        Recalibration.Apply(before, new BatchLoader(folder.Load().Training, new BatchLoaderOptions { BatchSize = 4 }).Inputs());
        foreach ((string name, Tensor value) in before.state_dict())
        {
            Assert.True(two.state_dict()[name].allclose(one.state_dict()[name], rtol: 1e-6, atol: 1e-6), name);
            Assert.True(two.state_dict()[name].allclose(value, rtol: 1e-3, atol: 1e-3), name);
        }

        // A run that was interrupted goes on as if it had not been.
        Assert.Equal(folder.Losses("whole-1.log"), folder.Losses("halves-1.log"));
        Assert.Equal(2, Directory.GetFiles(folder["halves"]).Length);

        double[] Differences(string name) => [.. folder.Losses($"{name}-1.log").Zip(folder.Losses($"{name}-{processes}.log"), (a, b) => Math.Abs(a - b))];
    }

    [PythonTheory(Modules)]
    [InlineData("Signal 9")]
    public async Task A_killed_worker_ends_all_of_them_with_a_message_and_the_newest_good_checkpoint_resumes(string signal)
    {
        string[] arguments = [.. folder.Data, "--epochs", "500", "--checkpoint-every", "1", "--checkpoints", folder["checkpoints"], "--threads", "1"];
        using Process all = Python.BeginProcesses(2, folder["train.py"], arguments);
        Task<string> errors = all.StandardError.ReadToEndAsync();
        (int victim, int written) = (0, 0);
        var seen = new List<string>();
        while ((victim == 0 || written < 3) && await all.StandardOutput.ReadLineAsync() is { } line)
        {
            seen.Add(line);
            if (Regex.Match(line, @"^process 2 of 2: pid (\d+)") is { Success: true } found) victim = int.Parse(found.Groups[1].Value);
            if (line.StartsWith("checkpoint ", StringComparison.Ordinal)) written++;
        }

        if (victim == 0) Assert.Fail(string.Join('\n', seen) + await Finished());
        using (Process worker = Process.GetProcessById(victim)) worker.Kill();
        Task<string> rest = all.StandardOutput.ReadToEndAsync();
        string said = await Finished();
        await rest;
        Assert.NotEqual(0, all.ExitCode);
        Assert.Contains(signal, said);
        Assert.Contains($"Its newest checkpoint is in {folder["checkpoints"]}: go on with --resume.", said);

        // The newest one is cut short, as by a full disk, and the one before it is taken, here in one process.
        string[] files = [.. Directory.GetFiles(folder["checkpoints"], "checkpoint-*.safetensors").Order(StringComparer.Ordinal)];
        Assert.Equal(2, files.Length);
        using (FileStream newest = File.OpenWrite(files[1])) newest.SetLength(newest.Length / 2);
        int step = int.Parse(Regex.Match(files[0], @"-(\d+)\.safetensors$").Groups[1].Value);
        (int code, string text, string error) = Python.RunFile(folder["train.py"], [.. arguments, "--resume", "--steps", $"{step + 2}", "--log", folder["resumed.log"]]);
        Assert.True(code == 0, error);
        Assert.Contains($"{files[1]} is damaged", error);
        Assert.Contains($"resumed after step {step} from {files[0]}", text);
        Assert.Equal([step + 1, step + 2], folder.Log("resumed.log", "step").Select(l => l.GetProperty("step").GetInt32()));

        async Task<string> Finished()
        {
            await all.WaitForExitAsync();
            return await errors;
        }
    }

    [PythonTheory(Modules)]
    [InlineData(3)]
    public void Every_mode_is_the_kit_s_in_values_gradients_and_moving_averages(int channels)
    {
        using var scope = NewDisposeScope();
        (BatchNormOptions Options, BatchNormMode Mode)[] cases =
        [
            .. Enum.GetValues<BatchNormMode>().Select(mode => (BatchNormOptions.Keras213, mode)),
            .. new[] { BatchNormOptions.Torch, BatchNormOptions.Keras214, BatchNormOptions.Keras3, BatchNormOptions.Torch with { Renormalization = new BatchRenormalization { RMax = 1.5, DMax = 0.5 } } }.Select(options => (options, BatchNormMode.Trainable)),
        ];
        Tensor inputs = stack([.. Enumerable.Range(0, 3).Select(i => tensor(Numbers.Normal(new Random(i), 4, channels, 30), [4, channels, 5, 6]) * (i + 1))]), weights = randn([4, channels, 5, 6]);
        var start = new Dictionary<string, Tensor> { ["weight"] = rand(channels) + 0.5, ["bias"] = randn(channels), ["running_mean"] = randn(channels), ["running_var"] = rand(channels) + 0.5 };
        var tensors = new Dictionary<string, Tensor> { ["inputs"] = inputs, ["weights"] = weights };
        foreach ((string key, Tensor value) in start) tensors[$"start.{key}"] = value;
        for (int number = 0; number < cases.Length; number++)
        {
            using var layer = new ModalBatchNorm2d(channels, cases[number].Options, cases[number].Mode);
            using (no_grad()) foreach ((string key, Tensor value) in layer.state_dict()) value.copy_(start[key]);
            layer.train();
            for (int step = 0; step < 3; step++)
            {
                Tensor x = inputs[step].clone().requires_grad_();
                Tensor y = layer.call(x);
                (y * weights).sum().backward();
                tensors[$"{number}.output{step}"] = y.detach().clone();
                tensors[$"{number}.gradient{step}"] = x.grad!.clone();
            }

            layer.eval();
            tensors[$"{number}.inference"] = layer.call(inputs[0]).detach();
            tensors[$"{number}.running_mean"] = layer.RunningMean.clone();
            tensors[$"{number}.running_var"] = layer.RunningVar.clone();
            tensors[$"{number}.weight_gradient"] = layer.Weight.requires_grad ? layer.Weight.grad!.clone() : zeros(channels);
        }

        var json = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() } };
        Safetensors.Write(folder["cases.safetensors"], tensors, new Dictionary<string, string> { ["cases"] = JsonSerializer.Serialize(cases.Select(c => new { c.Options, c.Mode }), json) });
        Assert.Equal("the same\n", Python.Run("train_modes.py", folder.Path));
    }

    [PythonTheory(Modules)]
    [InlineData("--validation-images", "--device", "cpu")]
    [InlineData("PyTorch sees no GPU", "--split", "SPLIT", "--device", "cuda")]
    [InlineData("has no columns", "--split", "IMAGE")]
    [InlineData("multiple of 32", "--split", "SPLIT", "--side", "50")]
    public void What_cannot_be_is_refused_in_a_sentence(string part, params string[] arguments)
    {
        (int code, _, string error) = Python.RunFile(folder["train.py"], ["--images", folder["images"], "--masks", folder["masks"], .. arguments.Select(a => a switch { "SPLIT" => folder["split.csv"], "IMAGE" => folder["train.py"], _ => a })]);
        Assert.Equal(2, code);
        Assert.Contains(part, error);
        Assert.DoesNotContain("Traceback", error);
    }
}
