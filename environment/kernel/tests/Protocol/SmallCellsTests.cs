using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Cellar.Tests.Protocol;

/// <summary>A notebook of many small cells: what each leaves behind is little, and the next is not slower.</summary>
[Collection(UnetResnet.Tests.Processes.AloneCollection.Name)]
public sealed class SmallCellsTests(ITestOutputHelper output)
{
    private const int First = 100, More = 400;

    /// <summary>Kilobytes of resident memory that a cell with a variable may cost: its assembly and code, and what the compiler keeps of it. Measured: 98 to 105.</summary>
    private const double Limit = 150;

    [Fact]
    public void Memory_and_time_stay_flat()
    {
        using var kernel = new KernelClient();
        double Run(int from, int to)
        {
            var times = new List<double>();
            for (int n = from; n < to; n++)
            {
                var watch = Stopwatch.StartNew();
                kernel.Execute($"var x{n} = {n};\nx{n} * 2");
                times.Add(watch.Elapsed.TotalMilliseconds);
            }

            return times.Order().ElementAt(times.Count / 2);
        }

        double Resident() => double.Parse(
            kernel.Execute("GC.Collect(); GC.WaitForPendingFinalizers(); GC.Collect(); Console.Write(Environment.WorkingSet / 1000.0)").Printed, CultureInfo.InvariantCulture);

        Run(0, First);
        double before = Resident(), early = Run(First, First + 100);
        Run(First + 100, First + More - 100);
        double late = Run(First + More - 100, First + More), after = Resident();
        output.WriteLine($"{(after - before) / More:0.0} kB a cell ({before / 1000:0} to {after / 1000:0} MB), median {early:0.0} ms, then {late:0.0} ms");
        Assert.True((after - before) / More < Limit, $"{(after - before) / More:0.0} kB a cell");
        Assert.True(late < 3 * early + 10, $"{early:0.0} ms, then {late:0.0} ms");
    }
}
