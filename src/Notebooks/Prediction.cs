namespace UnetResnet.Notebooks;

/// <summary>A reader's prediction, written down before the experiment: <c>var guess = Prediction.Commit("Which curve …?", "…");</c> and later <c>guess.Reveal("…")</c>.</summary>
/// <remarks>Whoever has committed to an answer notices when he was wrong; whoever has only thought about it does not.</remarks>
public sealed class Prediction
{
    private readonly string answer;

    private Prediction(string answer) => this.answer = answer;

    /// <summary>Notes the prediction and shows it.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="answer">The reader's answer; empty until it is written.</param>
    /// <returns>The prediction, to be compared with what happens.</returns>
    public static Prediction Commit(string question, string? answer)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(question);
        string said = answer?.Trim() ?? "";
        NotebookOutput.Show(said.Length == 0
            ? new ExerciseLine("Predict", question, "Write your answer between the quotation marks, then run the cell.")
            : new ExerciseLine("Predict", question, $"You say: {said}"));
        return new Prediction(said);
    }

    /// <summary>Shows what happened beside what was predicted.</summary>
    /// <param name="happened">What was measured, in words and with its figures.</param>
    public void Reveal(string happened)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(happened);
        NotebookOutput.Show(new ExerciseLine("What happened", happened, answer.Length == 0 ? "" : $"You said: {answer}"));
    }
}
