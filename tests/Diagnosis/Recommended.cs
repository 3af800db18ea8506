using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>Compiles and runs what the doctor recommends, against the library and TorchSharp alone.</summary>
internal static class Recommended
{
    /// <summary>The same for all code: the compiler then reads each assembly once.</summary>
    private static readonly ScriptOptions Options = ScriptOptions.Default
        .AddReferences(typeof(OwnPatient).Assembly, typeof(Cure).Assembly, typeof(Tensor).Assembly, typeof(Enumerable).Assembly, typeof(Console).Assembly)
        .AddImports("System", "System.Linq", "System.Collections.Generic");

    public static void Compile(Cure cure, bool foreign)
    {
        string[] errors = [.. Script(cure, foreign ? typeof(ForeignPatient) : typeof(OwnPatient)).Compile().Where(d => d.Severity >= DiagnosticSeverity.Warning).Select(d => d.ToString())];
        Assert.True(errors.Length == 0, $"{string.Join('\n', errors)}\n{cure.Code}");
    }

    public static void Run(Cure cure, Module<Tensor, Tensor> model, IBatchSource training)
    {
        object globals = model is UNetResNet50 unet ? new OwnPatient { model = unet, training = training, validation = training } : new ForeignPatient { model = model, training = training, validation = training };
        Script(cure, globals.GetType()).RunAsync(globals).GetAwaiter().GetResult();
    }

    private static Script<object> Script(Cure cure, Type globals) => CSharpScript.Create(cure.Code, Options, globals);
}

#pragma warning disable IDE1006, CA1051 // The names that the doctor's code uses.
/// <summary>What the code finds around it when the network is ours.</summary>
public sealed class OwnPatient
{
    public UNetResNet50 model = null!;
    public IBatchSource training = null!, validation = null!;
    public SegmentationDataset dataset = null!;
}

/// <summary>What the code finds around it when the network is foreign.</summary>
public sealed class ForeignPatient
{
    public Module<Tensor, Tensor> model = null!;
    public IBatchSource training = null!, validation = null!;
    public SegmentationDataset dataset = null!;
}
#pragma warning restore IDE1006, CA1051
