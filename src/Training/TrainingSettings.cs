using System.Globalization;
using System.Reflection;
using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Module = TorchSharp.torch.nn.Module;

namespace UnetResnet.Training;

/// <summary>
/// What tells one training from another, as texts by name: the network, what of it is trained, what its batch-norm layers do, the options, the order of the batches. A training goes on from a
/// checkpoint only if all of it is the same.
/// </summary>
internal static class TrainingSettings
{
    /// <summary>Describes a training as it stands before its first epoch.</summary>
    internal static IReadOnlyDictionary<string, string> Of(Module<Tensor, Tensor> model, TrainingOptions options, IBatchSource training, IBatchSource validation)
    {
        var settings = new Dictionary<string, string> { ["the network"] = model is UNetResNet50 unet ? $"{unet.Options}" : model.GetType().Name };
        foreach ((string name, var parameter) in model.named_parameters())
            settings[$"the parameter '{name}'"] = $"{(parameter.requires_grad ? "trained" : "frozen")}, {parameter.dtype} ({string.Join(", ", parameter.shape)})";
        foreach (BatchNormLayer layer in BatchNormLayer.All(model))
            settings[$"the layer '{layer.Name}'"] = $"{layer.ReplacedBy ?? layer.Mode.ToString()}, {(layer is TorchLayer ? layer.Options with { Momentum = 0 } : layer.Options)}";
        foreach ((string name, Module module) in model.named_modules())
        {
            if (Dropout(module) is { } rate) settings[$"the dropout '{name}'"] = Exact(rate);
        }

        // Every option but the one that has no say in the numbers, so that an option of tomorrow is compared too.
        foreach (PropertyInfo property in typeof(TrainingOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.Name != nameof(options.KeptCheckpoints)))
            settings[property.Name] = Text(property.GetValue(options));
        settings["the training source"] = Describe(training);
        settings["the validation source"] = Describe(validation);
        return settings;
    }

    /// <summary>The first thing in which two trainings differ, in words; null where there is none.</summary>
    /// <param name="there">Settings of a checkpoint.</param>
    /// <param name="here">Settings of a training.</param>
    internal static string? Difference(IReadOnlyDictionary<string, string> there, IReadOnlyDictionary<string, string> here)
    {
        string? name = here.Keys.Union(there.Keys).FirstOrDefault(name => there.GetValueOrDefault(name) != here.GetValueOrDefault(name));
        return name is null ? null : $"{name} was {there.GetValueOrDefault(name, "not there")} and is {here.GetValueOrDefault(name, "not there")}";
    }

    private static string Text(object? value) => value switch
    {
        null => "none",
        double number => Exact(number),
        LearningRateSchedule schedule => Function(schedule),
        LearningTask task => $"{task.Name}, loss {Function(task.Loss)}",
        IEnumerable<LearningRateGroup> groups => string.Join(", ", groups.Select(group => $"{group.Prefix} {Exact(group.Factor)}")),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Describe(IBatchSource source) => (source as BatchLoader)?.Identity
        ?? $"{Exact(source.BatchSize)} in a batch, {Count(source.SampleCount)} samples, {Count(source.BatchCount)} batches, preprocessing {source.Preprocessing?.Name ?? "unknown"}";

    private static string Count(int? count) => count is int known ? Exact(known) : "an unknown number of";

    private static double? Dropout(Module module) => module switch
    {
        Dropout1d layer => layer.p,
        Dropout2d layer => layer.p,
        Dropout3d layer => layer.p,
        TorchSharp.Modules.Dropout layer => layer.p,
        _ => null,
    };

    /// <summary>Functions without a name have none that lasts from one build of a program to the next.</summary>
    private static string Function(Delegate function) => function.Method.Name.Contains('<', StringComparison.Ordinal) ? "a function" : function.Method.Name;

    /// <summary>All digits: two rates that look alike are two rates.</summary>
    private static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
