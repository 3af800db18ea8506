namespace UnetResnet.Weights;

/// <summary>Exports do not replace files unasked.</summary>
internal static class Overwriting
{
    /// <exception cref="WeightsException">The file is there and may not be replaced.</exception>
    internal static void Check(string path, bool overwrite)
    {
        if (!overwrite && Path.Exists(path)) throw new WeightsException($"{path} is there already. Remove it, name another folder, or ask for it to be replaced (overwrite: true, or --force).");
    }
}
