using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Weights;

/// <summary>Saves a module's parameters and buffers as safetensors, under the names of its <c>state_dict</c>, and loads them back strictly.</summary>
public static class ModuleWeights
{
    /// <summary>Saves.</summary>
    /// <param name="module">The module; not changed.</param>
    /// <param name="path">The file; replaced if it exists, never half-written.</param>
    /// <param name="metadata">Text by name that goes into the file, or null.</param>
    public static void Save(Module module, string path, IReadOnlyDictionary<string, string>? metadata = null) =>
        Safetensors.Write(path, module.state_dict(), metadata);

    /// <summary>
    /// Loads. All or nothing: the module is changed only if every name and shape fits and every number is finite. Element types may differ among the
    /// floating-point ones: half-precision files fit a single-precision network.
    /// </summary>
    /// <param name="module">The module.</param>
    /// <param name="path">The file.</param>
    /// <returns>The file's metadata.</returns>
    /// <exception cref="WeightsException">The file is not valid, or does not fit, the message lists what is missing, unexpected or of another shape; or a weight is infinite or not a number.</exception>
    public static IReadOnlyDictionary<string, string> Load(Module module, string path)
    {
        using var scope = NewDisposeScope();
        (IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(path);
        Dictionary<string, Tensor> state = module.state_dict();
        string[] missing = [.. state.Keys.Where(name => !tensors.ContainsKey(name))];
        string[] unexpected = [.. tensors.Keys.Where(name => !state.ContainsKey(name))];
        string[] conflicts = [.. state.Where(s => tensors.TryGetValue(s.Key, out Tensor? t) && !Fits(t, s.Value))
            .Select(s => $"{s.Key} is {Describe(tensors[s.Key])} and should be {Describe(s.Value)}")];
        if (missing.Length + unexpected.Length + conflicts.Length > 0)
            throw new WeightsException(
                $"{path} does not fit {module.GetType().Name}: {Describe("missing", missing)}, {Describe("unexpected", unexpected)}, {Describe("of another shape or type", conflicts)}. Build the network with the width and options that the file was saved from.");

        using var noGrad = no_grad();
        // After conversion: a large double is infinite as a float.
        string? spoilt = state.Keys.FirstOrDefault(name => !tensors[name].to(state[name].dtype).isfinite().all().item<bool>());
        if (spoilt is not null)
            throw new WeightsException(
                $"{path} holds infinite or undefined numbers (first in {spoilt}), and nothing sensible comes out of such a network: its training diverged, or the file is damaged. Take an earlier file. Safetensors.Read shows the numbers as they are.");

        foreach ((string name, Tensor target) in state) target.copy_(tensors[name]);
        return metadata;
    }

    private static bool Fits(Tensor found, Tensor wanted) =>
        found.shape.SequenceEqual(wanted.shape) && (found.dtype == wanted.dtype || (found.is_floating_point() && wanted.is_floating_point()));

    private static string Describe(Tensor tensor) => $"{tensor.dtype} ({string.Join(", ", tensor.shape)})";

    private static string Describe(string what, string[] names) => names.Length switch
    {
        0 => $"none {what}",
        <= 3 => $"{names.Length} {what} ({string.Join("; ", names)})",
        _ => $"{names.Length} {what} ({string.Join("; ", names[..3])} …)",
    };
}
