using System.Reflection;
using System.Runtime.CompilerServices;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Lab.Running;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Tests.Training;
using UnetResnet.Training;

namespace UnetResnet.Tests.Runtime;

/// <summary>Figures in text are the same wherever the machine stands.</summary>
public class CultureTests
{
    /// <summary>A network that has something to be said about, for all cultures the same, and what is said without one.</summary>
    private static readonly Lazy<(Patient Patient, string[] Texts)> Diagnosed = new(() =>
    {
        Patient patient = Diagnosis.BatchNormDoctorTests.Cases.All().Single(c => c.Name == "dense net, batches of one").Make();
        return (patient, Diagnose(patient));
    });

    public static TheoryData<string> Cultures => [.. ForeignCulture.All.Keys];

    [Fact]
    public void The_cultures_of_these_tests_do_change_formats()
    {
        foreach (string name in new[] { "de-DE", "sv-SE", "fa-IR" })
        {
            using ForeignCulture culture = ForeignCulture.All[name]();
            Assert.NotEqual("-0.5", $"{-0.5}");
            Assert.NotEqual("1,234.5", $"{1234.5:N1}");
        }
    }

    [Fact]
    public void What_depends_on_the_culture_is_found()
    {
        const string Source = """
            public record Shown(double Loss);
            public record Told(double Loss) { public override string ToString() => "told"; }
            static class C
            {
                static string A(double x) => $"{x}";
                static string B(double? x) => $"{x:0.0}";
                static string D(double x) => x.ToString("0.0");
                static string E(double x) => "x = " + x;
                static string F(double[] x) => string.Join(", ", x);
                static double G(string x) => double.Parse(x);
                static string H(int x) => $"{x:N0}";
                static string Right(double x) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{x:0.0} {x}") + $"{3}" + x.ToString("0.0", System.Globalization.CultureInfo.InvariantCulture);
            }
            """;
        Assert.Equal([1, 5, 6, 7, 8, 9, 10, 11], InvariantFormats.Violations([("C.cs", Source)]).Select(v => int.Parse(v.Split(':')[1].Split(' ')[0])).Order());
    }

    [Fact]
    public void No_figure_of_the_library_depends_on_the_culture()
    {
        IReadOnlyList<string> violations = InvariantFormats.Violations(Directory.EnumerateFiles(Path.Combine(Repository.FindRoot(), "src"), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.EndsWith("ImageSharp.cs", StringComparison.Ordinal)).Select(path => (path, File.ReadAllText(path))));
        Assert.True(violations.Count == 0, "Use NumberText, or RecordText for a record: " + string.Join('\n', violations));
    }

    /// <summary>Every public record whose text can be had without a constructor, its fractions below 1 and negative.</summary>
    [Theory]
    [MemberData(nameof(Cultures))]
    public void Every_record_has_one_text(string name)
    {
        Type[] types = [.. typeof(NumberText).Assembly.GetExportedTypes().Where(t => t is { IsAbstract: false, IsGenericType: false, IsEnum: false, IsByRefLike: false } && t.GetMethod("<Clone>$") is not null)];
        Assert.True(types.Length > 50, $"{types.Length} records");
        int figures = 0;
        foreach (Type type in types)
        {
            object sample = Sample(type, ref figures);
            string expected = Text(sample);
            using ForeignCulture culture = ForeignCulture.All[name]();
            Assert.Equal(expected, Text(sample));
        }

        Assert.True(figures > 60, $"{figures} figures");
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void A_diagnosis_has_one_text_and_one_page(string name)
    {
        (Patient patient, string[] expected) = Diagnosed.Value;
        using ForeignCulture culture = ForeignCulture.All[name]();
        Assert.Equal(expected, Diagnose(patient));
    }

    private static string[] Diagnose(Patient patient)
    {
        DoctorReport report = BatchNormDoctor.Diagnose(patient.Model, patient.Source, patient.Options) with { Seconds = 1.25 };
        return [.. report.Reports.Append(report).SelectMany(r => (IEnumerable<string>)[r.ToText(), r.ToHtml(), .. r.AllCharts().Select(c => ChartFigure.Of(c).ToJsonString())]), .. report.AlsoFound.Select(a => a.Text), report.Cure!.Code];
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void A_history_prints_as_a_table(string name)
    {
        using ForeignCulture culture = ForeignCulture.All[name]();
        string text = new TrainingHistory(Toys.Epoch(1, 0.5), Toys.Epoch(2, 0.25)).ToString();
        string[] lines = text.Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("epoch", lines[0]);
        Assert.Equal(["2", "2.1000", "0.2500", "2.7000"], lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(4));
        Assert.Contains("0.25", Toys.Epoch(2, 0.25).ToString());
        Assert.Contains("2.1", Toys.Epoch(2, 0.25).ToString());
    }

    private static string Text(object value)
    {
        try
        {
            return value.ToString()!;
        }
        catch (Exception e) when (e is NullReferenceException or ArgumentNullException or InvalidOperationException or ArgumentOutOfRangeException or IndexOutOfRangeException or TargetInvocationException or KeyNotFoundException)
        {
            // An empty report has nothing to say.
            return e.GetType().Name;
        }
    }

    private static object Sample(Type type, ref int figures)
    {
        object sample = RuntimeHelpers.GetUninitializedObject(type);
        for (Type? t = type; t is not null && t != typeof(object); t = t.BaseType)
        {
            foreach (FieldInfo field in t.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            {
                object? value = field.FieldType == typeof(double) || field.FieldType == typeof(double?) ? -1234.5678 : field.FieldType == typeof(float) ? -0.5f : field.FieldType == typeof(int) ? 3 : field.FieldType == typeof(string) ? "text" : null;
                if (value is null) continue;
                field.SetValue(sample, value);
                if (value is double or float) figures++;
            }
        }

        return sample;
    }
}
