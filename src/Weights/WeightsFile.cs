using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary>Writes weights to disk, and says in one sentence why that fails.</summary>
internal static class WeightsFile
{
    /// <summary>Writes as <see cref="AtomicFile"/> does.</summary>
    /// <exception cref="WeightsException">The file cannot be written. What was there before is intact.</exception>
    internal static void Write(string path, Action<Stream> content)
    {
        try
        {
            AtomicFile.Write(path, content);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{path} could not be written: {Reason(e)}. A file that was there before is intact. Make room, or choose another folder.", e);
        }
    }

    /// <summary>The system's reason, without the name of a temporary file.</summary>
    internal static string Reason(Exception e) => e is UnauthorizedAccessException ? "access is denied" : e.Message.Split(" : '")[0].TrimEnd('.');
}
