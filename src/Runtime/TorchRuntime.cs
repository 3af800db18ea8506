namespace UnetResnet.Runtime;

/// <summary>placeholder</summary>
public static class TorchRuntime;
