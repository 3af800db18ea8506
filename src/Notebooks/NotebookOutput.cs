namespace UnetResnet.Notebooks;

/// <summary>Shows a value at once: as the notebook does if it said how, otherwise as a line of text.</summary>
internal static class NotebookOutput
{
    /// <summary>How the notebook shows a value, or nothing outside a notebook.</summary>
    internal static Action<object>? Display { get; set; }

    internal static void Show(object value)
    {
        if (Display is Action<object> display) display(value);
        else Console.Out.WriteLine(value);
    }
}
