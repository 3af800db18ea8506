using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Weights.Onnx;

/// <summary>A graph of ONNX as it grows: nodes in the order in which they compute, and the numbers that they use.</summary>
/// <remarks>Numbers of fields and values: <c>onnx/onnx.proto</c>, IR version 8.</remarks>
internal sealed class OnnxGraph
{
    private const int Float = 1, AttributeFloat = 1, AttributeInt = 2, AttributeString = 3, AttributeInts = 7;
    private readonly List<ProtoMessage> nodes = [];
    private readonly Dictionary<string, ProtoMessage> numbers = [];

    /// <summary>Number of nodes.</summary>
    internal int Nodes => nodes.Count;

    /// <summary>Adds a node with one output.</summary>
    /// <param name="operation">Such as <c>Conv</c>.</param>
    /// <param name="name">Its name, and that of its output.</param>
    /// <param name="inputs">Names of what it takes; empty for an optional input that is left out.</param>
    /// <param name="attributes">Texts, whole numbers, numbers in single precision or lists of whole numbers, by name.</param>
    /// <returns>The name.</returns>
    internal string Node(string operation, string name, string[] inputs, params (string Name, object Value)[] attributes)
    {
        var node = new ProtoMessage();
        foreach (string input in inputs) node.Add(1, input);
        node.Add(2, name).Add(3, name).Add(4, operation);
        foreach ((string attribute, object value) in attributes) node.Add(5, Attribute(attribute, value));
        nodes.Add(node);
        return name;
    }

    /// <summary>Adds numbers in single precision.</summary>
    /// <param name="name">Their name.</param>
    /// <param name="tensor">Any device; must live until the graph is written.</param>
    /// <returns>The name.</returns>
    internal string Numbers(string name, Tensor tensor)
    {
        var message = new ProtoMessage();
        foreach (long side in tensor.shape) message.Add(1, side);
        message.Add(2, Float).Add(8, name).Add(9, tensor.numel() * sizeof(float), stream => TensorMemory.Read(tensor, stream.Write));
        numbers.Add(name, message);
        return name;
    }

    /// <summary>The whole file.</summary>
    /// <param name="name">Name of the graph.</param>
    /// <param name="input">What goes in: its name and its sides, each a number or the name of one that varies.</param>
    /// <param name="output">What comes out, in the same way; the name of a node.</param>
    /// <param name="irVersion">Version of the file format.</param>
    /// <param name="opset">Version of the operators.</param>
    /// <param name="metadata">Texts by name.</param>
    internal ProtoMessage Model(string name, (string Name, object[] Sides) input, (string Name, object[] Sides) output, int irVersion, int opset, IReadOnlyDictionary<string, string> metadata)
    {
        var graph = new ProtoMessage();
        foreach (ProtoMessage node in nodes) graph.Add(1, node);
        graph.Add(2, name);
        foreach (ProtoMessage tensor in numbers.Values) graph.Add(5, tensor);
        graph.Add(11, Value(input)).Add(12, Value(output));

        ProtoMessage model = new ProtoMessage().Add(1, irVersion).Add(2, "UnetResnet").Add(3, RuntimeStamp.LibraryVersion).Add(7, graph)
            .Add(8, new ProtoMessage().Add(1, "").Add(2, opset));
        foreach ((string key, string text) in metadata) model.Add(14, new ProtoMessage().Add(1, key).Add(2, text));
        return model;
    }

    private static ProtoMessage Value((string Name, object[] Sides) value)
    {
        var shape = new ProtoMessage();
        foreach (object side in value.Sides) shape.Add(1, side is string varies ? new ProtoMessage().Add(2, varies) : new ProtoMessage().Add(1, (long)(int)side));
        return new ProtoMessage().Add(1, value.Name).Add(2, new ProtoMessage().Add(1, new ProtoMessage().Add(1, Float).Add(2, shape)));
    }

    private static ProtoMessage Attribute(string name, object value)
    {
        ProtoMessage attribute = new ProtoMessage().Add(1, name);
        switch (value)
        {
            case float number: return attribute.Add(2, number).Add(20, AttributeFloat);
            case int number: return attribute.Add(3, (long)number).Add(20, AttributeInt);
            case string text: return attribute.Add(4, text).Add(20, AttributeString);
            case int[] list:
                foreach (int number in list) attribute.Add(8, (long)number);
                return attribute.Add(20, AttributeInts);
            default: throw new ArgumentException($"ONNX attribute '{name}' is a {value.GetType().Name}.", nameof(value));
        }
    }
}
