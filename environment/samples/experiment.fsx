// An F# script: dotnet fsi experiment.fsx
#r "nuget: libtorch-cpu-linux-x64, 2.10.0"
#r "nuget: UnetResnet.Helpers, 0.2.0"

open TorchSharp
open UnetResnet.Normalization
open UnetResnet.Training

printfn "a tensor of TorchSharp's own comes first: %g" (torch.zeros(2L, 3L).sum().item<float32>())

let preset = Preset.Quick
let data = preset.LoadData()
let unet = preset.CreateUNet(seed = 0)
unet.Encoder.Freeze(BatchNormMode.AffineOnly) |> ignore
let trained = unet.parameters() |> Seq.filter (fun p -> p.requires_grad) |> Seq.sumBy (fun p -> p.numel ())
printfn "%d parameters are trained" trained
printfn "%d training images" data.Train.Count
