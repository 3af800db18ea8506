using System.CommandLine;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench</c>: programs that print the figures of README and notebooks. With <c>--json</c> one document on stdout and nothing else.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench", "Measure: prints the figures that README and notebooks quote.")
    {
        CollapseBenchCommand.Create(new ErrorStreamProgress()),
        DoctorBenchCommand.Create(new ErrorStreamProgress()),
        CuresBenchCommand.Create(new ErrorStreamProgress()),
        StepBenchCommand.Train(new ErrorStreamProgress()),
        StepBenchCommand.Infer(new ErrorStreamProgress()),
        RecalibrationBenchCommand.Create(new ErrorStreamProgress()),
        ScaleBenchCommand.Create(new ErrorStreamProgress()),
        PrecisionBenchCommand.Create(new ErrorStreamProgress()),
        RooflineBenchCommand.Create(new ErrorStreamProgress()),
        DataBenchCommand.Create(new ErrorStreamProgress()),
        WeightsBenchCommand.Create(),
        KernelBenchCommand.Create(new ErrorStreamProgress()),
        InterruptsBenchCommand.Create(new ErrorStreamProgress()),
        CellsBenchCommand.Create(new ErrorStreamProgress()),
        SoakBenchCommand.Create(new ErrorStreamProgress()),
        ThreadsBenchCommand.Create(new ErrorStreamProgress()),
    };

    /// <summary>Progress that leaves stdout to the result.</summary>
    private sealed class ErrorStreamProgress : IProgress<string>
    {
        public void Report(string value) => Console.Error.WriteLine(value);
    }
}
