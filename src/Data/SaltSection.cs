namespace UnetResnet.Data;

/// <summary>
/// Everything random about one section, drawn once. Lengths are in shares of the side, so that a picture is the same scene at every size; x runs to the right, y down.
/// </summary>
internal sealed class SaltSection
{
    private const int TraceSteps = 1024;

    private readonly int side;
    private readonly double[] trace;
    private readonly double wavelet, tilt, bendHeight, bendLength, bendPhase, faultX, faultSlope, faultThrow;
    private readonly double saltX, saltY, saltRadius, stretch, lean, drag, dragReach, edgeStrength, flankStrength, inside, shadow;
    private readonly double[] rimHeight = new double[6], rimPhase = new double[6];
    private readonly double chaosX, chaosY, chaosRadius, fade, noise;
    private readonly LatticeNoise texture, grain, strength, wobble;

    internal SaltSection(ref SplitMix64 random, int side)
    {
        this.side = side;
        // The layers: reflections at random depths, each a wavelet; the trace covers depths from −1 to 2.
        wavelet = random.NextDouble(0.012, 0.022);
        trace = new double[3 * TraceSteps];
        for (double depth = -1; depth < 2; depth += random.NextDouble(0.6, 2.6) * wavelet * 1.6) AddReflection(depth, random.NextNormal() * (random.NextDouble() < 0.15 ? 1.8 : 0.8));
        tilt = random.NextDouble(-0.3, 0.3);
        (bendHeight, bendLength, bendPhase) = (random.NextDouble(0, 0.07), random.NextDouble(0.5, 1.4), random.NextDouble(0, 7));
        (faultX, faultSlope, faultThrow) = (random.NextDouble(0.1, 0.9), random.NextDouble(-0.5, 0.5), random.NextDouble() < 0.5 ? random.NextDouble(-0.08, 0.08) : 0);

        // The salt: a circle with waves on its rim, stretched along one axis and leaning, sometimes with its root below the picture.
        saltRadius = random.NextDouble(0.17, 0.33);
        (saltX, saltY) = (random.NextDouble(0.18, 0.82), random.NextDouble(0.3, 0.95));
        (stretch, lean) = (Math.Exp(random.NextDouble(-0.6, 0.6)), random.NextDouble(-0.6, 0.6));
        for (int k = 2; k < rimHeight.Length; k++) (rimHeight[k], rimPhase[k]) = (random.NextNormal() * 0.22 / k, random.NextDouble(0, 7));
        (drag, dragReach) = (random.NextDouble(0, 0.14), random.NextDouble(0.05, 0.15));
        (edgeStrength, flankStrength) = (random.NextDouble(1, 2.4), random.NextDouble(0, 0.8));
        (inside, shadow) = (random.NextDouble(0.05, 0.4), random.NextDouble(0.5, 1));

        // What makes it hard: chaotic zones that are no salt, fading with depth, noise.
        (chaosX, chaosY, chaosRadius) = (random.NextDouble(0, 1), random.NextDouble(0, 1), random.NextDouble(0.08, 0.2));
        (fade, noise) = (random.NextDouble(0, 0.4), random.NextDouble(0.05, 0.3));
        texture = new LatticeNoise(ref random, 24, 40);
        grain = new LatticeNoise(ref random, 40, 70);
        strength = new LatticeNoise(ref random, 4, 4);
        wobble = new LatticeNoise(ref random, 9, 9);
    }

    /// <summary>Amplitude of a pixel, about −3 to 3, and whether it is salt.</summary>
    internal (double Amplitude, bool Salt) At(int column, int row)
    {
        double x = (column + 0.5) / side, y = (row + 0.5) / side;
        (double distance, double upward) = DistanceToSalt(x, y);
        double depth = y + tilt * (x - 0.5) + bendHeight * Math.Sin(2 * Math.PI * x / bendLength + bendPhase) + 0.012 * wobble.At(x, y);
        if (x > faultX + faultSlope * (y - 0.5)) depth += faultThrow;
        depth += drag * Math.Exp(-Math.Max(distance, 0) / dragReach);

        double layers = Trace(depth) * (1 + 0.35 * strength.At(x, y));
        double chaos = Math.Clamp((chaosRadius - Math.Sqrt((x - chaosX) * (x - chaosX) + (y - chaosY) * (y - chaosY) * 3)) / 0.05, 0, 1);
        layers = layers * (1 - 0.8 * chaos) + 0.7 * chaos * texture.At(x, y);
        if (BelowSalt(x, y)) layers *= shadow;

        // Inside there is no layering, only what migration smears into it.
        double weight = Math.Clamp(0.5 - distance * side, 0, 1);
        double amplitude = layers * (1 - weight) + (inside * texture.At(x, y) + 0.08 * layers) * weight;
        // The top reflects with one sign, the base with the other; steep flanks reflect little.
        double reflection = edgeStrength * (Math.Abs(upward) * Math.Sign(upward) + flankStrength * (1 - Math.Abs(upward))) * Ricker(distance / (1.3 * wavelet));
        amplitude = (amplitude + reflection) * (1 - fade * y) + noise * grain.At(x, y);
        return (amplitude, distance < 0);
    }

    /// <summary>Signed distance to the salt's rim along the ray from its centre, negative inside, and how much that ray points upwards, −1 to 1.</summary>
    private (double Distance, double Upward) DistanceToSalt(double x, double y)
    {
        double dy = (y - saltY) / stretch, dx = (x - saltX - lean * (saltY - y) * 0.5) * Math.Sqrt(stretch);
        double radius = Math.Sqrt(dx * dx + dy * dy), angle = Math.Atan2(dy, dx), rim = 1;
        for (int k = 2; k < rimHeight.Length; k++) rim += rimHeight[k] * Math.Cos(k * angle + rimPhase[k]);
        return (radius - saltRadius * Math.Clamp(rim, 0.35, 1.8), radius > 0 ? -dy / radius : 0);
    }

    private bool BelowSalt(double x, double y) => y > saltY && DistanceToSalt(x, saltY).Distance < 0;

    private double Trace(double depth)
    {
        double place = Math.Clamp((depth + 1) * TraceSteps, 0, trace.Length - 2);
        int step = (int)place;
        return trace[step] + (place - step) * (trace[step + 1] - trace[step]);
    }

    private void AddReflection(double depth, double coefficient)
    {
        int first = Math.Max(0, (int)((depth + 1 - 4 * wavelet) * TraceSteps)), last = Math.Min(trace.Length - 1, (int)((depth + 1 + 4 * wavelet) * TraceSteps));
        for (int step = first; step <= last; step++) trace[step] += coefficient * Ricker(((double)step / TraceSteps - 1 - depth) / wavelet);
    }

    /// <summary>The usual wavelet of seismics: (1 − t²)·exp(−t²/2).</summary>
    private static double Ricker(double t) => (1 - t * t) * Math.Exp(-t * t / 2);

    /// <summary>Smooth random numbers: normal at the points of a lattice, interpolated between them.</summary>
    private sealed class LatticeNoise
    {
        private readonly double[,] values;

        internal LatticeNoise(ref SplitMix64 random, int columns, int rows)
        {
            values = new double[rows + 1, columns + 1];
            for (int row = 0; row <= rows; row++)
            {
                for (int column = 0; column <= columns; column++) values[row, column] = random.NextNormal();
            }
        }

        internal double At(double x, double y)
        {
            double column = x * (values.GetLength(1) - 1), row = y * (values.GetLength(0) - 1);
            int left = Math.Min((int)column, values.GetLength(1) - 2), top = Math.Min((int)row, values.GetLength(0) - 2);
            double right = Smooth(column - left), bottom = Smooth(row - top);
            return (values[top, left] * (1 - right) + values[top, left + 1] * right) * (1 - bottom) + (values[top + 1, left] * (1 - right) + values[top + 1, left + 1] * right) * bottom;
        }

        private static double Smooth(double t) => t * t * (3 - 2 * t);
    }
}
