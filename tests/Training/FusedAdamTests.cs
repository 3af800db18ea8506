using TorchSharp.Modules;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Training;

public class FusedAdamTests
{
    /// <summary>Ten steps beside TorchSharp's own, with two learning rates, a kernel with channels last, and a parameter that has no gradient in some steps.</summary>
    [Fact]
    public void Updates_are_those_of_TorchSharps_Adam()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Parameter[] ours = Parameters(), theirs = [.. ours.Select(p => new Parameter(p.detach().clone()))];
        using var adam = new FusedAdam([[("a", ours[0]), ("b", ours[1])], [("c", ours[2])]]);
        using var reference = optim.Adam([new Adam.ParamGroup([theirs[0], theirs[1]], 1e-3), new Adam.ParamGroup([theirs[2]], 1e-2)], 1e-3);
        for (int step = 0; step < 10; step++)
        {
            for (int i = 0; i < ours.Length; i++)
            {
                Tensor? gradient = i == 1 && step % 3 == 0 ? null : randn(ours[i].shape) * (step + 1);
                ours[i].grad = gradient;
                theirs[i].grad = gradient?.clone();
            }

            adam.Step([1e-3, 1e-2]);
            reference.step();
            // An update is at most the learning rate; float32 carries it to a few units in the last place of the parameter.
            foreach ((Parameter mine, Parameter other) in ours.Zip(theirs)) Assert.InRange((mine - other).abs().max().item<float>(), 0, 2e-6);
        }

        adam.ZeroGrad();
        Assert.All(ours, parameter => Assert.Null(parameter.grad));
    }

    [Fact]
    public void It_goes_on_from_a_saved_state()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Parameter[] first = Parameters(), second = [.. first.Select(p => new Parameter(p.detach().clone()))];
        using var whole = new FusedAdam([Named(first)]);
        Tensor[][] gradients = [.. Enumerable.Range(0, 4).Select(_ => first.Select(p => randn(p.shape)).ToArray())];
        void Steps(FusedAdam adam, Parameter[] parameters, IEnumerable<Tensor[]> with)
        {
            foreach (Tensor[] gradient in with)
            {
                foreach ((Parameter parameter, Tensor g) in parameters.Zip(gradient)) parameter.grad = g;
                adam.Step([1e-2]);
            }
        }

        Steps(whole, first, gradients);
        var saved = new Dictionary<string, Tensor>();
        using (var half = new FusedAdam([Named(second)]))
        {
            Steps(half, second, gradients[..2]);
            foreach ((string name, Tensor tensor) in half.State) saved[name] = tensor.clone();
        }

        using var rest = new FusedAdam([Named(second)]);
        rest.Load(saved);
        Steps(rest, second, gradients[2..]);
        Assert.All(first.Zip(second), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));
        Assert.Equal(["0.mean", "0.square", "0.step", "1.mean", "1.square", "1.step", "2.mean", "2.square", "2.step"], rest.State.Keys);
        Assert.Equal(4, rest.State["1.step"].item<float>());
        Tensor square = saved["1.square"];
        saved["1.square"] = zeros(8);
        Assert.Contains("'1.square'", Assert.Throws<ArgumentException>(() => rest.Load(saved)).Message);
        saved["1.square"] = square;
        saved["3.mean"] = square;
        Assert.Contains("'3.mean'", Assert.Throws<ArgumentException>(() => rest.Load(saved)).Message);
        saved.Remove("3.mean");
        saved.Remove("1.square");
        Assert.Contains("'1.square'", Assert.Throws<ArgumentException>(() => rest.Load(saved)).Message);
    }

    [Fact]
    public void Its_moments_go_with_it()
    {
        using var parameter = new Parameter(zeros(3));
        long before = LiveTensors.Settled();
        var adam = new FusedAdam([[("a", parameter)]]);
        Assert.Equal(before + 3, LiveTensors.Settled());
        adam.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    private static Parameter[] Parameters() =>
        [new Parameter(randn(16, 3, 3, 32).permute(0, 3, 1, 2)), new Parameter(randn(7)), new Parameter(randn(5, 9))];

    private static IEnumerable<(string, Parameter)> Named(Parameter[] parameters) => parameters.Select((p, i) => ($"{i}", p));
}
