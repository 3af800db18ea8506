using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Weights;

public sealed class ModuleWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string File => folder["module.safetensors"];

    public void Dispose() => folder.Dispose();

    private static Linear Layer(double value = 0)
    {
        Linear layer = Linear(2, 3);
        using var noGrad = no_grad();
        layer.weight!.fill_(value);
        layer.bias!.fill_(value);
        return layer;
    }

    [Fact]
    public void A_network_comes_back_bit_for_bit_with_its_metadata()
    {
        using var scope = NewDisposeScope();
        var options = new UNetOptions { Encoder = new ResNet50Options { Width = 16 } };
        using var first = new UNetResNet50(options);
        using var second = new UNetResNet50(options);
        KeyedNumbers.Fill(first);
        ModuleWeights.Save(first, File, new Dictionary<string, string> { ["epoch"] = "12" });

        var metadata = ModuleWeights.Load(second, File);

        Assert.Equal("12", Assert.Single(metadata).Value);
        Assert.Equal(ModuleState.Describe(first), ModuleState.Describe(second));
        Assert.True(first.Predict(ones(1, 3, 32, 32)).equal(second.Predict(ones(1, 3, 32, 32))).all().item<bool>());
    }

    [Fact]
    public void Saving_changes_nothing_and_replaces_the_file()
    {
        using var layer = Layer(1);
        string before = ModuleState.Describe(layer);
        ModuleWeights.Save(layer, File);
        ModuleWeights.Save(layer, File);
        Assert.Equal(before, ModuleState.Describe(layer));
        Assert.Equal([File], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Loaded_parameters_still_train()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(1);
        ModuleWeights.Save(layer, File);
        ModuleWeights.Load(layer, File);
        Assert.All(layer.parameters(), p => Assert.True(p.requires_grad && p.is_leaf));
        layer.call(ones(1, 2)).sum().backward();
        Assert.NotNull(layer.weight!.grad);
    }

    [Fact]
    public void Missing_unexpected_and_misshapen_are_all_listed_and_the_module_stays()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(5);
        Safetensors.Write(File, [new("weight", ones(3, 4)), new("extra", ones(1))]);
        string before = ModuleState.Describe(layer);

        var e = Assert.Throws<WeightsException>(() => ModuleWeights.Load(layer, File));

        Assert.Contains(File, e.Message);
        Assert.Contains("1 missing (bias)", e.Message);
        Assert.Contains("1 unexpected (extra)", e.Message);
        Assert.Contains("1 of another shape or type (weight is Float32 (3, 4) and should be Float32 (3, 2))", e.Message);
        Assert.Equal(before, ModuleState.Describe(layer));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_name_too_few_or_too_many_is_enough(bool more)
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(5);
        string before = ModuleState.Describe(layer);
        Safetensors.Write(File, more ? [new("weight", ones(3, 2)), new("bias", ones(3)), new("extra", ones(1))] : [new("weight", ones(3, 2))]);
        Assert.Contains(more ? "none missing, 1 unexpected (extra)" : "1 missing (bias), none unexpected", Assert.Throws<WeightsException>(() => ModuleWeights.Load(layer, File)).Message);
        Assert.Equal(before, ModuleState.Describe(layer));
    }

    [Fact]
    public void A_file_of_another_width_is_refused_shortly()
    {
        using var wide = new ResNet50Encoder(new ResNet50Options { Width = 32 });
        using var narrow = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        ModuleWeights.Save(wide, File);
        var e = Assert.Throws<WeightsException>(() => ModuleWeights.Load(narrow, File));
        Assert.Contains("none missing, none unexpected, 318 of another shape or type", e.Message);
        Assert.Contains("conv1.weight", e.Message);
        Assert.True(e.Message.Length < 1000);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Weights_that_are_not_finite_are_refused_by_name(float value)
    {
        using var scope = NewDisposeScope();
        using var spoilt = Layer(1);
        using var layer = Layer(5);
        using (no_grad()) spoilt.bias![1] = tensor(value);
        ModuleWeights.Save(spoilt, File);
        string before = ModuleState.Describe(layer);

        var e = Assert.Throws<WeightsException>(() => ModuleWeights.Load(layer, File));

        Assert.Contains(File, e.Message);
        Assert.Contains("bias", e.Message);
        Assert.DoesNotContain("weight)", e.Message);
        Assert.Equal(before, ModuleState.Describe(layer));
    }

    [Fact]
    public void A_double_that_no_float_can_hold_is_refused_too()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(5);
        Safetensors.Write(File, [new("weight", full([3, 2], 1e300, float64)), new("bias", ones(3, float64))]);
        Assert.Contains("weight", Assert.Throws<WeightsException>(() => ModuleWeights.Load(layer, File)).Message);
        Assert.Equal(5, layer.bias![0].item<float>());
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void Other_floating_point_types_are_converted(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var layer = Layer();
        Safetensors.Write(File, [new("weight", full([3, 2], 1.5, type)), new("bias", full([3], -0.25, type))]);
        ModuleWeights.Load(layer, File);
        Assert.Equal(ScalarType.Float32, layer.weight!.dtype);
        Assert.Equal((1.5f, -0.25f), (layer.weight[2, 1].item<float>(), layer.bias![0].item<float>()));
    }

    [Fact]
    public void Integers_are_no_weights()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(5);
        Safetensors.Write(File, [new("weight", ones([3, 2], int32)), new("bias", ones(3))]);
        Assert.Contains("weight is Int32 (3, 2) and should be Float32 (3, 2)", Assert.Throws<WeightsException>(() => ModuleWeights.Load(layer, File)).Message);
    }

    [Fact]
    public void Nothing_is_left_alive()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(1);
        ModuleWeights.Save(layer, File);
        long before = scope.DisposablesCount;
        ModuleWeights.Load(layer, File);
        Assert.Equal(before, scope.DisposablesCount);
    }
}
