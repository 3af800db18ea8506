using System.Text.Json.Nodes;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.DotnetInteractive;

/// <summary>Create, Load and Save are extension members of C# 14, static ones among them: its compiler must take them as ours does.</summary>
[Collection("kernels")]
public sealed class ModelFileTests(DotnetInteractive interactive) : IClassFixture<DotnetInteractive>
{
    [DotnetInteractiveFact]
    public void A_cell_creates_saves_and_loads_a_network()
    {
        JsonArray cells = interactive.Execute(
        [
            $"#r \"{typeof(BundledFiles).Assembly.Location}\"\n#r \"{typeof(TorchSharp.torch).Assembly.Location}\"",
            """
            using UnetResnet.Models;
            using UnetResnet.Weights;
            UnetResnet.Runtime.TorchRuntime.Initialize(0);
            var unet = UNetResNet50.Create(new UNetOptions { SpatialDropout = 0.375, Encoder = new ResNet50Options { Width = 16 } }, "bundled");
            unet.Save("unet.safetensors");
            Console.WriteLine(UNetResNet50.Load("unet.safetensors").Options.SpatialDropout);
            Console.WriteLine(ResNet50Encoder.Create(unet.Options.Encoder, null).Options.Width);
            """,
        ]);
        Assert.Empty(DotnetInteractive.Errors(cells));
        Assert.Equal("0.375\n16", string.Concat(cells[1]!["outputs"]!.AsArray().Select(o => DotnetInteractive.Text(o!["text"]))).Trim());
    }
}
