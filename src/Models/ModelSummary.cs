using System.Globalization;
using System.Text;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Models;

/// <summary>What Keras's <c>model.summary()</c> tells: layers, output shapes, numbers of parameters.</summary>
/// <remarks>
/// As in Keras, the moving statistics of batch norm count as parameters that are not trainable: ResNet50 without top has 23,587,712, and 53,120 of them
/// are moving statistics. Integer buffers (PyTorch's <c>num_batches_tracked</c>) do not count. What several layers share counts once.
/// </remarks>
public sealed record ModelSummary
{
    /// <summary>Class of the model.</summary>
    public required string Name { get; init; }

    /// <summary>The layers in the order of registration: modules without modules inside, and those that hold parameters of their own.</summary>
    public required IReadOnlyList<LayerSummary> Layers { get; init; }

    /// <summary>Running means and variances of batch norm.</summary>
    public required long MovingStatistics { get; init; }

    /// <summary>All numbers of the model.</summary>
    public long Total => Layers.Sum(layer => layer.Parameters);

    /// <summary>Those that receive gradients.</summary>
    public long Trainable => Layers.Sum(layer => layer.Trainable);

    /// <summary>Those that do not: frozen parameters and moving statistics.</summary>
    public long NonTrainable => Total - Trainable;

    /// <summary>Summarises a model by one forward pass over zeros of the model's element type on its device.</summary>
    /// <param name="model">Any module; not changed, see <see cref="Of(Module{Tensor, Tensor}, Tensor)"/>.</param>
    /// <param name="inputShape">Shape of an input with its batch dimension, for example 1, 3, 96, 96.</param>
    /// <exception cref="ArgumentException">No shape, or one that the model does not take.</exception>
    public static ModelSummary Of(Module<Tensor, Tensor> model, params long[] inputShape)
    {
        if (inputShape.Length == 0 || inputShape.Any(side => side < 1))
            throw new ArgumentException($"The input shape is ({string.Join(", ", inputShape)}). Give every dimension, batch included, at least 1: for images 1, 3, 96, 96.", nameof(inputShape));
        Tensor? sample = model.parameters().Concat(model.buffers()).FirstOrDefault(t => t.is_floating_point());
        using Tensor input = zeros(inputShape, sample?.dtype ?? float32, sample?.device ?? CPU);
        return Of(model, input);
    }

    /// <summary>
    /// Summarises a model by one forward pass in inference mode and without gradients. Parameters, statistics, modes, training flags and random state
    /// are as before.
    /// </summary>
    /// <param name="model">Any module. Layers show an output shape if they map a tensor to a tensor and are invoked with <c>call</c>.</param>
    /// <param name="input">An input, for models that do not take zeros of their own element type. The caller keeps it.</param>
    public static ModelSummary Of(Module<Tensor, Tensor> model, Tensor input)
    {
        (string Name, Module Module)[] layers = [.. Layered(model)];
        var counted = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
        LayerSummary[] rows = [.. layers.Select(layer => Count(layer.Name, layer.Module, counted))];
        Dictionary<Module, long[]> shapes = OutputShapes(model, layers.Select(layer => layer.Module), input);
        return new ModelSummary
        {
            Name = model.GetType().Name,
            Layers = [.. rows.Zip(layers, (row, layer) => row with { OutputShape = shapes.GetValueOrDefault(layer.Module) })],
            MovingStatistics = layers.SelectMany(layer => layer.Module.named_buffers(recurse: false))
                .Where(buffer => buffer.name is "running_mean" or "running_var").Sum(buffer => buffer.buffer.numel()),
        };
    }

    /// <summary>The table as <c>model.summary()</c> prints it, numbers with thousands separators.</summary>
    public override string ToString()
    {
        bool modes = Layers.Any(layer => layer.BatchNorm is not null);
        string[] head = ["Layer (type)", "Output Shape", "Param #", "Trainable", .. modes ? ["Batch norm"] : Array.Empty<string>()];
        List<string[]> table = [head, .. Layers.Select(layer => (string[])[
            layer.Name.Length == 0 ? layer.Type : $"{layer.Name} ({layer.Type})",
            layer.OutputShape is { } shape ? $"({string.Join(", ", shape)})" : "?",
            Grouped(layer.Parameters),
            layer.Parameters == 0 ? "" : layer.Trainable > 0 ? "Y" : "N",
            .. modes ? [layer.BatchNorm?.ToString() ?? ""] : Array.Empty<string>()])];
        int[] widths = [.. head.Select((_, column) => table.Max(row => row[column].Length) + 2)];
        int width = widths.Sum();

        var text = new StringBuilder();
        text.AppendLine($"Model: \"{Name}\"").AppendLine(new string('_', width));
        foreach (string[] row in table)
        {
            text.AppendLine(string.Concat(row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
            if (row == head) text.AppendLine(new string('=', width));
        }

        return text.AppendLine(new string('=', width))
            .AppendLine($"Total params: {Grouped(Total)}")
            .AppendLine($"Trainable params: {Grouped(Trainable)}")
            .AppendLine($"Non-trainable params: {Grouped(NonTrainable)} (moving statistics: {Grouped(MovingStatistics)})")
            .Append(new string('_', width)).ToString();
    }

    /// <summary>Each module once, if it has no modules inside or holds something itself.</summary>
    private static IEnumerable<(string Name, Module Module)> Layered(Module model) =>
        model.named_modules().Prepend((name: "", module: model))
            .DistinctBy(m => m.module, ReferenceEqualityComparer.Instance)
            .Where(m => !m.module.children().Any() || m.module.named_parameters(recurse: false).Any() || m.module.named_buffers(recurse: false).Any())
            .Select(m => (m.name, m.module));

    private static LayerSummary Count(string name, Module module, HashSet<Tensor> counted)
    {
        Tensor[] parameters = [.. module.named_parameters(recurse: false).Select(p => p.parameter).Where(counted.Add)];
        Tensor[] buffers = [.. module.named_buffers(recurse: false).Select(b => b.buffer).Where(b => b.is_floating_point() && counted.Add(b))];
        return new LayerSummary(name, module.GetType().Name, null,
            parameters.Concat(buffers).Sum(t => t.numel()), parameters.Where(p => p.requires_grad).Sum(p => p.numel()), module is ModalBatchNorm2d { Replacement: null } norm ? norm.Mode : null);
    }

    private static Dictionary<Module, long[]> OutputShapes(Module<Tensor, Tensor> model, IEnumerable<Module> layers, Tensor input)
    {
        var shapes = new Dictionary<Module, long[]>(ReferenceEqualityComparer.Instance);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var modes = new ModeSnapshot(model);
        Tensor random = get_rng_state();
        var hooks = layers.OfType<Module<Tensor, Tensor>>().Select(layer => layer.register_forward_hook((_, _, output) =>
        {
            shapes[layer] = output.shape;
            return output;
        })).ToList();
        try
        {
            model.eval();
            // A layer that insists on batch statistics would refuse a single pixel.
            foreach ((_, BatchNormLayer layer) in model.BatchNormLayers().Where(l => l.Layer.HasStatistics)) layer.Mode = BatchNormMode.Inference;
            model.call(input);
        }
        finally
        {
            foreach (var hook in hooks) hook.remove();
            set_rng_state(random);
        }

        return shapes;
    }

    private static string Grouped(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
