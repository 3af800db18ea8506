using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Diagnosis;

public class ShapleyValuesTests
{
    /// <summary>Three players: the first adds 1 by itself, the second and third 4 only together. By hand: 1, 2, 2.</summary>
    private static double Pair(IReadOnlyList<bool> team) => (team[0] ? 1 : 0) + (team[1] && team[2] ? 4 : 0);

    /// <summary>The glove game: one left glove and two right ones, a pair is worth 1. By hand over six orders: 4/6, 1/6, 1/6.</summary>
    private static double Gloves(IReadOnlyList<bool> team) => team[0] && (team[1] || team[2]) ? 1 : 0;

    [Fact]
    public void Exact_values_are_those_computed_by_hand()
    {
        Assert.Equal([1.0, 2, 2], ShapleyValues.Exact(3, Pair).Select(v => Math.Round(v, 12)));
        IReadOnlyList<double> gloves = ShapleyValues.Exact(3, Gloves);
        Assert.Equal(4.0 / 6, gloves[0], 12);
        Assert.Equal(1.0 / 6, gloves[1], 12);
        Assert.Equal(1.0 / 6, gloves[2], 12);
    }

    [Fact]
    public void Values_sum_to_the_whole_and_an_idle_player_gets_nothing()
    {
        double[] worths = [0.3, 1.7, -2.0, 0.5, 4.1, 2.2, 0.9, 5.5];
        double Any(IReadOnlyList<bool> team) => worths[(team[0] ? 1 : 0) + (team[1] ? 2 : 0) + (team[2] ? 4 : 0)]; // the fourth is idle
        IReadOnlyList<double> exact = ShapleyValues.Exact(4, Any);
        Assert.Equal(worths[7] - worths[0], exact.Sum(), 12);
        Assert.Equal(0, exact[3], 12);
        IReadOnlyList<ShapleyValue> sampled = ShapleyValues.Sample(4, Any, pairs: 2);
        Assert.Equal(worths[7] - worths[0], sampled.Sum(v => v.Value), 12);
        Assert.Equal(0, sampled[3].Value, 12);
    }

    [Fact]
    public void Like_players_get_like_shares()
    {
        IReadOnlyList<double> alike = ShapleyValues.Exact(5, team => Math.Pow(team.Count(member => member), 3));
        Assert.All(alike, value => Assert.Equal(25, value, 10));
    }

    [Fact]
    public void A_sample_is_near_the_exact_values_by_its_own_standard_errors()
    {
        IReadOnlyList<double> exact = ShapleyValues.Exact(3, Gloves);
        IReadOnlyList<ShapleyValue> sampled = ShapleyValues.Sample(3, Gloves, pairs: 200, seed: 1);
        for (int i = 0; i < 3; i++)
        {
            Assert.InRange(sampled[i].StandardError, 1e-3, 0.05);
            Assert.InRange(Math.Abs(sampled[i].Value - exact[i]), 0, 4 * sampled[i].StandardError);
        }

        Assert.Equal(sampled, ShapleyValues.Sample(3, Gloves, pairs: 200, seed: 1));
        Assert.NotEqual(sampled, ShapleyValues.Sample(3, Gloves, pairs: 200, seed: 2));
    }

    [Fact]
    public void Where_nobody_interacts_every_order_gives_the_same()
    {
        IReadOnlyList<ShapleyValue> values = ShapleyValues.Sample(4, team => team.Select((member, i) => member ? i + 1.0 : 0).Sum(), pairs: 2);
        Assert.Equal([1.0, 2, 3, 4], values.Select(v => Math.Round(v.Value, 12)));
        Assert.All(values, v => Assert.Equal(0, v.StandardError, 12));
    }

    [Theory]
    [InlineData(0.25, false)]
    [InlineData(0.26, true)]
    [InlineData(-0.25, false)]
    [InlineData(-0.26, true)]
    public void Beyond_noise_is_more_than_two_standard_errors(double value, bool beyond) => Assert.Equal(beyond, new ShapleyValue(value, 0.125).IsBeyondNoise);

    [Fact]
    public void Numbers_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ShapleyValues.Exact(0, _ => 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => ShapleyValues.Exact(13, _ => 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => ShapleyValues.Sample(0, _ => 0, 2));
        Assert.Contains("standard error", Assert.Throws<ArgumentOutOfRangeException>(() => ShapleyValues.Sample(3, _ => 0, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shares_of_a_matrix_are_the_means_over_six_orders()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using UNetResNet50 unet = Miniature.UNet();
        ModeShares shares = ModeShares.Measure(unet, Miniature.Images());
        double Loss(bool encoder, bool decoder, bool dropout) => shares.Matrix.Cells.Single(c => c.EncoderBatch == encoder && c.DecoderBatch == decoder && c.Dropout == dropout).Loss;
        // The encoder's place in six orders: first, first, after the decoder, after dropout, last, last.
        double byHand = (2 * (Loss(false, true, true) - Loss(true, true, true)) + (Loss(false, false, true) - Loss(true, false, true))
            + (Loss(false, true, false) - Loss(true, true, false)) + 2 * (Loss(false, false, false) - Loss(true, false, false))) / 6;
        Assert.Equal(byHand, shares.Shares[0].Shapley, 9);
        Assert.Equal(Loss(false, true, true) - Loss(true, true, true), shares.Shares[0].First, 12);
        Assert.Equal(Loss(false, false, false) - Loss(true, false, false), shares.Shares[0].Last, 12);
        Assert.Equal(shares.Gap, shares.Shares.Sum(share => share.Shapley), 9);
        Assert.Equal(3, shares.Shares.Count);
        Assert.Contains("interaction", shares.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_share_the_gap_and_the_model_is_left_as_it_was()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using UNetResNet50 unet = Miniature.UNet();
        Batch batch = Miniature.Images(4);
        LayerShares shares = Untouched.By(unet, () => LayerShares.Measure(unet, batch, pairs: 2, images: 3));
        Assert.Equal(63, shares.Layers.Count);
        Assert.Equal(shares.Gap, shares.Layers.Sum(layer => layer.Shapley.Value), 6);
        LayerAttribution attribution = LayerAttribution.Measure(unet, batch, images: 3);
        // The attribution's passes go side by side, these one by one: rounding in float32.
        Assert.Equal(attribution.Layers[7].LeaveOneOutLoss - attribution.TrainingLoss, shares.Layers[7].Alone, 1e-5);
        Assert.Equal(attribution.InferenceLoss - attribution.Layers[7].FlipOneLoss, shares.Layers[7].AllBut, 1e-5);
        Assert.Contains(shares.Ranking[0].Layer, shares.Finding, StringComparison.Ordinal);
        string chart = ChartSummary.Of(ChartFigure.Of(shares.Chart()));
        Assert.Contains($"{shares.BeyondNoise.Count} of 63 layers have a share beyond noise", chart, StringComparison.Ordinal);
    }

    [Fact]
    public void A_layer_leads_only_where_noise_does_not_hide_it()
    {
        LayerShares Of(params (double Value, double Error)[] layers) => new()
        {
            Images = 4,
            Pairs = 2,
            TrainingLoss = 0,
            InferenceLoss = layers.Sum(l => l.Value),
            Layers = [.. layers.Select((l, i) => new LayerShare($"part.layer{i}", i, "part", 0, 0, new ShapleyValue(l.Value, l.Error)))],
        };
        LayerShares clear = Of((0.1, 0.01), (0.9, 0.01), (0.0, 0.2)), hidden = Of((0.5, 0.1), (0.6, 0.1), (0.01, 0.1));
        Assert.Equal(["part.layer1"], clear.Leaders.Select(l => l.Layer));
        Assert.Equal(["part.layer1", "part.layer0"], hidden.Leaders.Select(l => l.Layer));
        Assert.Equal(2, clear.BeyondNoise.Count);
        Assert.StartsWith("Chart: layer1 has the largest share; 2 of 3 layers", ChartSummary.Of(ChartFigure.Of(clear.Chart())), StringComparison.Ordinal);
        Assert.StartsWith("Chart: 2 layers lead, and noise hides which is first", ChartSummary.Of(ChartFigure.Of(hidden.Chart())), StringComparison.Ordinal);
        Assert.Contains("noise hides", hidden.Finding, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.1, 0.2, 0.21, 0.31, "Most of the change comes from the other batch norm")]
    [InlineData(0.1, 0.11, 0.11, 0.5, "Each switch alone changes little; together they make the gap")]
    [InlineData(0.1, 0.1, 0.1, 0.1, "No switch changes the loss")]
    public void The_matrix_blames_a_switch_only_where_it_acts_alone(double none, double encoder, double decoder, double both, string title)
    {
        var matrix = new ModeMatrix
        {
            Encoder = "encoder",
            EncoderLayers = 2,
            DecoderLayers = 2,
            Cells = [new(true, true, false, none, null), new(true, false, false, decoder, null), new(false, true, false, encoder, null), new(false, false, false, both, null)],
        };
        Assert.StartsWith($"Chart: {title}", ChartSummary.Of(ChartFigure.Of(matrix.Chart())), StringComparison.Ordinal);
        Assert.Equal(both - none, ModeShares.Measure(matrix).Shares.Sum(share => share.Shapley), 12);
    }

    [Fact]
    public void Shares_belong_to_a_matrix() => Assert.Equal("matrix", Assert.Throws<ArgumentNullException>(() => ModeShares.Measure(null!)).ParamName);
}
