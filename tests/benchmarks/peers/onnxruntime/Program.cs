// Inference with ONNX Runtime, run and timed at each line that comes in on stdin:
//     OnnxPeer MODEL SIDE BATCH THREADS
// Prints "ready", then the milliseconds of each run.
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.OnnxRuntime;

int Number(int place) => int.Parse(args[place], CultureInfo.InvariantCulture);
(int side, int batch, int threads) = (Number(1), Number(2), Number(3));

// Its threads sleep between runs, as those of the other peers do.
using var options = new SessionOptions { IntraOpNumThreads = threads };
options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
using var session = new InferenceSession(args[0], options);
using var run = new RunOptions();
var random = new Random(0);
float[] images = [.. Enumerable.Range(0, batch * 3 * side * side).Select(_ => (float)(random.NextDouble() * 240 - 120))];
using OrtValue input = OrtValue.CreateTensorValueFromMemory(images, [batch, 3, side, side]);

void Infer()
{
    using IDisposableReadOnlyCollection<OrtValue> output = session.Run(run, session.InputNames, [input], session.OutputNames);
}

Infer();
Console.WriteLine("ready");
while (Console.ReadLine() is not null)
{
    long start = Stopwatch.GetTimestamp();
    Infer();
    Console.WriteLine(Stopwatch.GetElapsedTime(start).TotalMilliseconds.ToString("F3", CultureInfo.InvariantCulture));
}
