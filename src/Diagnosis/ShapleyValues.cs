using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Diagnosis;

/// <summary>A Shapley value that was estimated from a sample of orders.</summary>
/// <param name="Value">Mean of what the player adds, over the orders.</param>
/// <param name="StandardError">Standard error of that mean; 0 where every order was counted.</param>
public sealed record ShapleyValue(double Value, double StandardError)
{
    /// <summary>Whether the value is farther from 0 than twice its standard error: what is not, may be noise of the sample.</summary>
    public bool IsBeyondNoise => Math.Abs(Value) > 2 * StandardError;

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// Divides the value of a team among its players when they act together: each gets what it adds, averaged over all orders in which the team can be put together
/// (Shapley 1953). The only division that gives everything away (the shares sum to the whole), treats like players alike, and gives nothing to whoever adds nothing.
/// </summary>
public static class ShapleyValues
{
    private const int MostExactPlayers = 12;

    /// <summary>The exact values, from the value of every team.</summary>
    /// <param name="players">Number of players, 1 to 12: all 2ⁿ teams are asked for.</param>
    /// <param name="worth">Value of the team whose members are true.</param>
    /// <returns>One value per player; they sum to the whole team's value less the empty one's.</returns>
    public static IReadOnlyList<double> Exact(int players, Func<IReadOnlyList<bool>, double> worth)
    {
        ArgumentNullException.ThrowIfNull(worth);
        if (players is < 1 or > MostExactPlayers) throw new ArgumentOutOfRangeException(nameof(players), players, $"Expected 1 to {MostExactPlayers} players, because every team is asked for. Use Sample for more.");
        double[] worths = [.. Enumerable.Range(0, 1 << players).Select(team => worth([.. Enumerable.Range(0, players).Select(player => (team >> player & 1) == 1)]))];
        double[] weights = [.. Enumerable.Range(0, players).Select(size => Factorial(size) * Factorial(players - size - 1) / Factorial(players))];
        return [.. Enumerable.Range(0, players).Select(player => Enumerable.Range(0, 1 << players).Where(team => (team >> player & 1) == 0)
            .Sum(team => weights[int.PopCount(team)] * (worths[team | 1 << player] - worths[team])))];
    }

    /// <summary>Estimates from random orders, each followed by its reverse: early and late places then balance, which makes the estimate steadier.</summary>
    /// <param name="players">Number of players, at least 1.</param>
    /// <param name="worth">Value of the team whose members are true.</param>
    /// <param name="pairs">Orders that are drawn, at least 2; each costs <c>2 · players − 2</c> values.</param>
    /// <param name="seed">Seed of the orders.</param>
    /// <returns>One estimate per player; the values sum to the whole team's value less the empty one's, whatever was drawn.</returns>
    public static IReadOnlyList<ShapleyValue> Sample(int players, Func<IReadOnlyList<bool>, double> worth, int pairs, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(worth);
        ArgumentOutOfRangeException.ThrowIfLessThan(players, 1);
        if (pairs < 2) throw new ArgumentOutOfRangeException(nameof(pairs), pairs, "Expected at least 2 pairs of orders: a single one has no standard error.");
        var random = new SplitMix64(seed, 1953);
        double nobody = worth(new bool[players]), all = worth([.. Enumerable.Repeat(true, players)]);
        var added = new double[pairs, players];
        int[] order = [.. Enumerable.Range(0, players)];
        for (int pair = 0; pair < pairs; pair++)
        {
            random.Shuffle<int>(order);
            foreach (int[] way in (int[][])[order, [.. order.Reverse()]])
            {
                var team = new bool[players];
                double before = nobody;
                for (int i = 0; i < players; i++)
                {
                    team[way[i]] = true;
                    double after = i == players - 1 ? all : worth([.. team]);
                    added[pair, way[i]] += (after - before) / 2;
                    before = after;
                }
            }
        }

        return [.. Enumerable.Range(0, players).Select(player =>
        {
            double[] sample = [.. Enumerable.Range(0, pairs).Select(pair => added[pair, player])];
            double mean = sample.Average();
            return new ShapleyValue(mean, Math.Sqrt(sample.Sum(value => (value - mean) * (value - mean)) / (pairs - 1) / pairs));
        })];
    }

    private static double Factorial(int n) => n < 2 ? 1 : n * Factorial(n - 1);
}
