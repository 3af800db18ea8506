using Microsoft.Data.Analysis;
using UnetResnet.Training;
using static UnetResnet.Tests.Training.Toys;

namespace UnetResnet.Tests.Training;

public class TrainingHistoryTests
{
    [Fact]
    public void Epochs_are_kept_in_order()
    {
        var history = new TrainingHistory(Epoch(1, 0.5), Epoch(2, 0.4), Epoch(4, 0.6));
        Assert.Equal(3, history.Count);
        Assert.Equal([1, 2, 4], history.Select(e => e.Epoch));
        Assert.Equal(2, history[1].Epoch);
        Assert.Equal(4, history.Last.Epoch);
        Assert.Equal(2, history.Best.Epoch);
        Assert.Contains("Epoch 2 cannot follow epoch 2", Assert.Throws<ArgumentException>("epoch", () => new TrainingHistory(Epoch(2, 1), Epoch(2, 1))).Message);
        Assert.Throws<ArgumentException>("epoch", () => new TrainingHistory(Epoch(3, 1), Epoch(1, 1)));
    }

    [Fact]
    public void The_best_epoch_is_the_earliest_of_equals_and_never_one_without_a_number()
    {
        Assert.Equal(2, new TrainingHistory(Epoch(1, 0.5), Epoch(2, 0.4), Epoch(3, 0.4)).Best.Epoch);
        Assert.Equal(3, new TrainingHistory(Epoch(1, double.NaN), Epoch(2, 0.5), Epoch(3, 0.4), Epoch(4, double.NaN)).Best.Epoch);
        Assert.Equal(2, new TrainingHistory(Epoch(1, double.NaN), Epoch(2, double.PositiveInfinity)).Best.Epoch);
        Assert.Equal(1, new TrainingHistory(Epoch(1, double.NaN), Epoch(2, double.NaN)).Best.Epoch);
    }

    [Fact]
    public void An_empty_history_has_neither_best_nor_last()
    {
        var history = new TrainingHistory();
        Assert.Empty(history);
        Assert.Contains("no epoch has ended", Assert.Throws<InvalidOperationException>(() => history.Last).Message);
        Assert.Contains("no epoch has ended", Assert.Throws<InvalidOperationException>(() => history.Best).Message);
        Assert.Equal(0, history.ToDataFrame().Rows.Count);
    }

    [Fact]
    public void The_text_has_what_people_look_at_first_and_the_remarks_below()
    {
        var history = new TrainingHistory(Epoch(1, 1.4), Epoch(2, 2.4));
        history.Add("Resumed after epoch 1.");
        Assert.Equal(
            """
            epoch    loss  validation loss  training loss in inference mode    IoU  validation IoU  training IoU in inference mode  seconds
                1  1.1000           1.4000                           1.7000  1.200           1.500                           1.800     10.0
                2  2.1000           2.4000                           2.7000  2.200           2.500                           2.800     20.0
            Resumed after epoch 1.
            """, history.ToString(), ignoreLineEndingDifferences: true);
        Assert.EndsWith("\nNo epoch has ended yet.", new TrainingHistory().ToString());
        var plain = new TrainingHistory(new EpochRecord(1, new(1, []), new(2, []), new(3, []), 1e-3, 4));
        Assert.Equal("epoch    loss  validation loss  training loss in inference mode  seconds", plain.ToString().Split('\n')[0]);
    }

    [Fact]
    public void The_table_has_a_row_for_each_epoch_and_every_number_in_its_column()
    {
        DataFrame table = new TrainingHistory(Epoch(1, 1.4), Epoch(2, 2.4)).ToDataFrame();
        Assert.Equal(
            ["epoch", "loss", "iou", "dice", "val_loss", "val_iou", "val_dice", "train_inference_loss", "train_inference_iou", "train_inference_dice", "learning_rate", "seconds"],
            table.Columns.Select(c => c.Name));
        Assert.Equal(2, table.Rows.Count);
        Assert.Equal([1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 0.001, 10.0], table.Rows[0].Select(Convert.ToDouble), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal([2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 0.002, 20.0], table.Rows[1].Select(Convert.ToDouble), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal(typeof(int), table["epoch"].DataType);
    }
}
