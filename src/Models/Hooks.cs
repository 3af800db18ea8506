using System.Reflection;
using Module = TorchSharp.torch.nn.Module;

namespace UnetResnet.Models;

/// <summary>
/// Whether somebody watches a module with a forward hook. Hooks fire through <c>call</c> only, so a faster way past a module must not be taken while one is registered.
/// </summary>
internal static class Hooks
{
    private static readonly string[] Names = ["pre_hooks", "post_hooks", "module_pre_hooks", "module_post_hooks"];
    private static readonly Dictionary<Type, FieldInfo[]> Known = [];

    /// <summary>Whether any of the modules has a hook.</summary>
    internal static bool OnAny(IEnumerable<Module> modules) => modules.Any(On);

    /// <summary>Whether a module has a hook. Where this version of TorchSharp keeps them elsewhere, the answer is yes: the slow way is always right.</summary>
    internal static bool On(Module module)
    {
        FieldInfo[] fields = Fields(module.GetType());
        return fields.Length < Names.Length || fields.Any(field => field.GetValue(module) is not System.Collections.ICollection { Count: 0 });
    }

    /// <summary>The fields in which TorchSharp 0.107.0 keeps a module's hooks; it has no public list of them.</summary>
    internal static FieldInfo[] Fields(Type type)
    {
        lock (Known)
        {
            if (Known.TryGetValue(type, out FieldInfo[]? known)) return known;
            var fields = new List<FieldInfo>();
            for (Type? level = type; level is not null; level = level.BaseType)
                fields.AddRange(Names.Select(name => level.GetField(name, BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)).OfType<FieldInfo>());
            return Known[type] = [.. fields];
        }
    }
}
