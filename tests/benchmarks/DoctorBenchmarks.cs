using BenchmarkDotNet.Attributes;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Benchmarks;

namespace UnetResnet.Benchmarks;

/// <summary>A whole diagnosis of some of the networks that <c>lab bench doctor</c> makes ill on purpose.</summary>
public class LabelledNetworks
{
    private Patient? patient;

    [Params("CNN, seed 0", "dense net", "dense net, momentum 0 on foreign statistics", "CNN of 0 to 1 on 0 to 255")]
    public string Case { get; set; } = "";

    [GlobalSetup]
    public void Make() => patient = new DoctorCases().All().Single(c => c.Name == Case).Make();

    [GlobalCleanup]
    public void Free() => patient?.Dispose();

    [Benchmark]
    public string Diagnose() => BatchNormDoctor.Diagnose(patient!.Model, patient.Source, patient.Options).Cause.ToString();
}
