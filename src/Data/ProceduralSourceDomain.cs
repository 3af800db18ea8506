namespace UnetResnet.Data;

/// <summary>
/// The world in which the bundled encoder was trained, in ImageNet's place: colourful pictures of one shape, drawn by formula. Twelve classes, six shapes
/// (disc, square, triangle, ring, cross, star) times two fills (plain, striped); size, place, angle, colours, background texture, light and noise vary.
/// </summary>
/// <remarks>
/// It is a <em>source</em> domain on purpose: bright and colourful where MRI slices are dark and grey, so that the statistics of its features are as
/// foreign to them as those of ImageNet. Sample i is the same on every machine.
/// </remarks>
public sealed class ProceduralSourceDomain
{
    private static readonly string[] Shapes = ["disc", "square", "triangle", "ring", "cross", "star"];

    private readonly int seed;

    /// <summary>Creates a domain.</summary>
    /// <param name="side">Side of the square pictures in pixels, at least 16.</param>
    /// <param name="seed">Seed; another one gives other pictures of the same classes.</param>
    public ProceduralSourceDomain(int side = 64, int seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 16);
        Side = side;
        this.seed = seed;
    }

    /// <summary>Names of the classes; the label is the place in this list.</summary>
    public static IReadOnlyList<string> Classes { get; } = [.. Shapes.SelectMany(shape => new[] { $"plain {shape}", $"striped {shape}" })];

    /// <summary>Side of the pictures in pixels.</summary>
    public int Side { get; }

    /// <summary>One picture.</summary>
    /// <param name="index">Its number. The label is <c>index % 12</c>, so that every class is equally frequent.</param>
    /// <returns>An RGB picture and its label.</returns>
    public (PixelImage Image, int Label) Sample(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var random = new SplitMix64(seed, index);
        int label = index % Classes.Count;
        var scene = new Scene(ref random, Side, Shapes[label / 2], striped: label % 2 == 1);
        var pixels = new byte[Side * Side * 3];
        for (int y = 0, p = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++, p += 3) scene.Paint(x, y, ref random, pixels.AsSpan(p, 3));
        }

        return (new PixelImage(Side, Side, 3, pixels), label);
    }

    /// <summary>Everything random about one picture, drawn once.</summary>
    private readonly struct Scene
    {
        private readonly string shape;
        private readonly double centreX, centreY, radius, cosine, sine;
        private readonly Colour inside, stripe, ground;
        private readonly double stripeWidth, stripeCosine, stripeSine;
        private readonly Wave coarse, fine;
        private readonly double lightX, lightY, light, noise;

        public Scene(ref SplitMix64 random, int side, string shape, bool striped)
        {
            this.shape = shape;
            radius = side * random.NextDouble(0.22, 0.38);
            double room = side / 2.0 - radius * 0.85;
            centreX = side / 2.0 + random.NextDouble(-room, room);
            centreY = side / 2.0 + random.NextDouble(-room, room);
            (sine, cosine) = Math.SinCos(random.NextDouble(0, 2 * Math.PI));
            (ground, inside) = (Colour.Random(ref random), Colour.Random(ref random));
            while (ground.Distance(inside) < 90) inside = Colour.Random(ref random);
            stripe = inside;
            if (striped)
            {
                while (stripe.Distance(inside) < 90) stripe = Colour.Random(ref random);
            }

            stripeWidth = side * random.NextDouble(0.05, 0.09);
            (stripeSine, stripeCosine) = Math.SinCos(random.NextDouble(0, Math.PI));
            coarse = new Wave(ref random, side * 0.5, amplitude: random.NextDouble(0, 25));
            fine = new Wave(ref random, side * 0.15, amplitude: random.NextDouble(0, 15));
            double angle = random.NextDouble(0, 2 * Math.PI), strength = random.NextDouble(0, 0.35);
            (lightX, lightY) = (Math.Cos(angle) * strength / side * 2, Math.Sin(angle) * strength / side * 2);
            light = random.NextDouble(0.75, 1.15) - (lightX + lightY) * side / 2;
            noise = random.NextDouble(0, 10);
        }

        public void Paint(int x, int y, ref SplitMix64 random, Span<byte> rgb)
        {
            (double dx, double dy) = (x + 0.5 - centreX, y + 0.5 - centreY);
            double distance = Distance((dx * cosine + dy * sine) / radius, (dy * cosine - dx * sine) / radius) * radius;
            double cover = Math.Clamp(0.5 - distance, 0, 1);
            double phase = (dx * stripeCosine + dy * stripeSine) / stripeWidth;
            Colour surface = phase - 2 * Math.Floor(phase / 2) < 1 ? inside : stripe;
            double texture = coarse.At(x, y) + fine.At(x, y), shade = light + lightX * x + lightY * y;
            for (int c = 0; c < 3; c++)
            {
                double value = (ground[c] + texture) * (1 - cover) + surface[c] * cover;
                rgb[c] = (byte)Math.Clamp(value * shade + noise * random.NextNormal() + 0.5, 0, 255);
            }
        }

        /// <summary>Signed distance to the shape's edge in units of its radius, negative inside; exact enough for a soft edge of one pixel.</summary>
        private double Distance(double x, double y)
        {
            double r = Math.Sqrt(x * x + y * y);
            switch (shape)
            {
                case "disc": return r - 0.9;
                case "square": return Math.Max(Math.Abs(x), Math.Abs(y)) - 0.8;
                case "triangle": return Math.Max(y, Math.Abs(x) * 0.8660254 - y * 0.5) - 0.55;
                case "ring": return Math.Abs(r - 0.72) - 0.25;
                case "cross": return Math.Min(Math.Max(Math.Abs(x) - 0.28, Math.Abs(y) - 0.98), Math.Max(Math.Abs(y) - 0.28, Math.Abs(x) - 0.98));
                default: // star with five points: the radius of its edge swings with the angle
                    double turn = Math.Atan2(y, x) / (2 * Math.PI) * 5;
                    double fold = Math.Abs(turn - Math.Round(turn)) * 2;
                    return r - (1.05 - 0.6 * fold);
            }
        }
    }

    /// <summary>Two crossed sine waves: a cheap, smooth texture.</summary>
    private readonly struct Wave
    {
        private readonly double amplitude, ax, ay, a, bx, by, b;

        public Wave(ref SplitMix64 random, double length, double amplitude)
        {
            this.amplitude = amplitude;
            double scale = 2 * Math.PI / length;
            (ax, ay, a) = (random.NextDouble(-scale, scale), random.NextDouble(-scale, scale), random.NextDouble(0, 7));
            (bx, by, b) = (random.NextDouble(-scale, scale), random.NextDouble(-scale, scale), random.NextDouble(0, 7));
        }

        public double At(double x, double y) => amplitude * Math.Sin(ax * x + ay * y + a) * Math.Sin(bx * x + by * y + b);
    }

    /// <summary>An RGB colour, 0–255 each.</summary>
    private readonly record struct Colour(double Red, double Green, double Blue)
    {
        public static Colour Random(ref SplitMix64 random) => new(random.NextDouble(40, 250), random.NextDouble(40, 250), random.NextDouble(40, 250));

        public double this[int channel] => channel switch { 0 => Red, 1 => Green, _ => Blue };

        public double Distance(Colour other) =>
            Math.Sqrt((Red - other.Red) * (Red - other.Red) + (Green - other.Green) * (Green - other.Green) + (Blue - other.Blue) * (Blue - other.Blue));
    }
}
