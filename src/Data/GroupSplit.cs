namespace UnetResnet.Data;

/// <summary>
/// Splits by a key – patient, scene, camera – so that all samples of one key stand on the same side. Two pictures of one patient
/// are no independent evidence.
/// </summary>
public static class GroupSplit
{
    /// <summary>Puts whole groups, in an order drawn from the seed, into validation until the share is reached; at least one group stays on either side.</summary>
    /// <param name="keys">The key of every sample, in the dataset's order.</param>
    /// <param name="validationShare">Share of the samples in validation, above 0 and below 1; met as nearly as the groups allow.</param>
    /// <param name="seed">Seed of the order of the groups.</param>
    /// <typeparam name="TKey">Type of the keys, compared by <see cref="object.Equals(object)"/>.</typeparam>
    /// <exception cref="ArgumentException">There are fewer than two groups.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of its range.</exception>
    public static DatasetSplit Create<TKey>(IReadOnlyList<TKey> keys, double validationShare = 0.3, int seed = 0)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (!(validationShare is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(validationShare), validationShare, "The share in validation lies between 0 and 1, both excluded.");
        int[][] groups = [.. Enumerable.Range(0, keys.Count).GroupBy(place => keys[place]).Select(group => group.ToArray())];
        if (groups.Length < 2)
            throw new ArgumentException($"The samples have {groups.Length} different key(s); a split by key needs at least 2.", nameof(keys));

        new SplitMix64(seed).Shuffle<int[]>(groups);
        var (train, validation) = (new List<int>(), new List<int>());
        double wanted = validationShare * keys.Count;
        for (int i = 0; i < groups.Length; i++)
        {
            // A group goes to validation where that brings the count nearer to the share than leaving it out would.
            bool nearer = validation.Count + groups[i].Length / 2.0 <= wanted;
            bool last = i == groups.Length - 1;
            bool toValidation = (nearer && !(last && train.Count == 0)) || (last && validation.Count == 0);
            (toValidation ? validation : train).AddRange(groups[i]);
        }

        return new DatasetSplit([.. train.Order()], [.. validation.Order()]);
    }
}
