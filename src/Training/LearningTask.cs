using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>
/// What a network is trained for: its loss and its metrics. Three tasks are known by their targets, see <see cref="For"/>; for any other one pass a loss and metrics of
/// your own to <see cref="Of"/>, or change one that is known: <c>LearningTask.BinarySegmentation with { Loss = Losses.Dice }</c>.
/// </summary>
public sealed record LearningTask
{
    private LearningTask(string name, LossFunction loss, IReadOnlyList<Metric> metrics, Func<Tensor, Tensor, bool>? fits = null) => (Name, Loss, Metrics, Fits) = (name, loss, metrics, fits);

    /// <summary>Logits (N, 1, H, W) against masks (N, 1, H, W) of 0 and 1: binary cross-entropy; IoU and Dice per image.</summary>
    public static LearningTask BinarySegmentation { get; } = new(
        "binary segmentation", Losses.BinaryCrossEntropy, [Metric.IoU, Metric.Dice],
        (outputs, targets) => outputs.shape.SequenceEqual(targets.shape) && outputs.dim() == 4 && outputs.shape[1] == 1);

    /// <summary>Logits (N, C, H, W) against class numbers int64 (N, H, W), 255 where a pixel does not count: softmax cross-entropy; mean IoU and that of each class.</summary>
    public static LearningTask MultiClassSegmentation { get; } = new(
        "multi-class segmentation", Losses.CrossEntropy, [Metric.MeanIoU],
        (outputs, targets) => targets.dtype == int64 && outputs.dim() == 4 && targets.dim() == 3 && outputs.shape[1] >= 2 && outputs.shape[0] == targets.shape[0] && outputs.shape[2..].SequenceEqual(targets.shape[1..]));

    /// <summary>Logits (N, C) against class numbers int64 (N): softmax cross-entropy; accuracy.</summary>
    public static LearningTask Classification { get; } = new(
        "classification", Losses.CrossEntropy, [Metric.Accuracy],
        (outputs, targets) => targets.dtype == int64 && outputs.dim() == 2 && targets.dim() == 1 && outputs.shape[1] >= 2 && outputs.shape[0] == targets.shape[0]);

    /// <summary>What the task is called.</summary>
    public string Name { get; init; }

    /// <summary>What is minimised.</summary>
    public LossFunction Loss { get; init; }

    /// <summary>How it is judged; may be empty. The first figure of the first metric stands in tables and verdicts.</summary>
    public IReadOnlyList<Metric> Metrics { get; init; }

    private Func<Tensor, Tensor, bool>? Fits { get; init; }

    /// <summary>A task of your own.</summary>
    /// <param name="loss">What is minimised.</param>
    /// <param name="metrics">How it is judged; may be none.</param>
    public static LearningTask Of(LossFunction loss, params IReadOnlyList<Metric> metrics)
    {
        ArgumentNullException.ThrowIfNull(loss);
        return new("a task of its own", loss, metrics);
    }

    /// <summary>The task that fits what a network gives and what should come out.</summary>
    /// <param name="outputs">What the network gives for a batch.</param>
    /// <param name="targets">The batch's targets.</param>
    /// <exception cref="ArgumentException">None of the known tasks fits; the message names them with their shapes.</exception>
    public static LearningTask For(Tensor outputs, Tensor targets)
    {
        // A network may give any values in the shape of its targets: those are judged by their logits, as masks are.
        LearningTask? found = new[] { BinarySegmentation, MultiClassSegmentation, Classification }.FirstOrDefault(task => task.Fits!(outputs, targets));
        if (found is null && targets.is_floating_point() && outputs.shape.SequenceEqual(targets.shape)) found = Elementwise;
        return found ?? throw new ArgumentException(
            $"The model gives {Shape(outputs)} and the targets are {targets.dtype} {Shape(targets)}, which is none of the known tasks: binary segmentation ((N, 1, H, W) both), multi-class segmentation "
            + "((N, C, H, W) against int64 (N, H, W)), classification ((N, C) against int64 (N)). Pass the task that the model was trained for: LearningTask.Of(loss, metrics).", nameof(outputs));
    }

    /// <summary>A given task, checked, or the one that fits.</summary>
    internal static LearningTask Resolve(LearningTask? task, Tensor outputs, Tensor targets)
    {
        if (task is null) return For(outputs, targets);
        return task.Fits?.Invoke(outputs, targets) == false
            ? throw new ArgumentException($"The model gives {Shape(outputs)} and the targets are {targets.dtype} {Shape(targets)}, which do not make a {task.Name}. Pass another task, or none where its kind shows in the targets.", nameof(outputs))
            : task;
    }

    /// <summary>Binary cross-entropy of anything that has the targets' shape.</summary>
    private static LearningTask Elementwise { get; } = new("binary prediction", Losses.BinaryCrossEntropy, []);

    private static string Shape(Tensor tensor) => $"({string.Join(", ", tensor.shape)})";
}
