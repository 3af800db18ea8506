using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Weights;

/// <summary>Copies tensors into a module's state: all or nothing, with everything checked before the first copy.</summary>
internal static class StateLoading
{
    /// <summary>Checks and copies.</summary>
    /// <param name="module">The module.</param>
    /// <param name="tensors">By state key.</param>
    /// <param name="byName">Whether keys may be missing or left over.</param>
    /// <param name="report">What is known already, with names that were not translated as unexpected.</param>
    /// <returns>The complete report.</returns>
    internal static LoadReport Apply(Module module, IReadOnlyDictionary<string, Tensor> tensors, bool byName, LoadReport report)
    {
        using var scope = NewDisposeScope();
        Dictionary<string, Tensor> state = module.state_dict();
        report = report with
        {
            Matched = [.. state.Keys.Where(tensors.ContainsKey)],
            Missing = [.. state.Keys.Where(name => !tensors.ContainsKey(name))],
            Unexpected = [.. report.Unexpected, .. tensors.Keys.Where(name => !state.ContainsKey(name))],
            Conflicts = [.. state.Where(s => tensors.TryGetValue(s.Key, out Tensor? t) && !Fits(t, s.Value))
                .Select(s => $"{s.Key} is {Describe(tensors[s.Key])} and should be {Describe(s.Value)}")],
        };
        string path = report.Path;
        if (report.Conflicts.Count > 0 || (!byName && report.Missing.Count + report.Unexpected.Count > 0))
            throw new WeightsException(
                $"{path} does not fit {module.GetType().Name}: {LoadReport.Describe("missing", report.Missing)}, {LoadReport.Describe("unexpected", report.Unexpected)}, {LoadReport.Describe("of another shape or type", report.Conflicts)}. Build the network with the width and options that the file was saved from.");
        if (report.Matched.Count == 0) throw new WeightsException($"{path} has nothing of the names in {module.GetType().Name}, so nothing would be loaded.");

        using var noGrad = no_grad();
        // After conversion: a large double is infinite as a float.
        string? spoilt = report.Matched.FirstOrDefault(name => !tensors[name].to(state[name].dtype).isfinite().all().item<bool>());
        if (spoilt is not null)
            throw new WeightsException(
                $"{path} holds infinite or undefined numbers (first in {spoilt}), and nothing sensible comes out of such a network: its training diverged, or the file is damaged. Take an earlier file. Safetensors.Read shows the numbers as they are.");

        foreach (string name in report.Matched) state[name].copy_(tensors[name]);
        return report;
    }

    private static bool Fits(Tensor found, Tensor wanted) =>
        found.shape.SequenceEqual(wanted.shape) && (found.dtype == wanted.dtype || (found.is_floating_point() && wanted.is_floating_point()));

    private static string Describe(Tensor tensor) => $"{tensor.dtype} ({string.Join(", ", tensor.shape)})";
}
