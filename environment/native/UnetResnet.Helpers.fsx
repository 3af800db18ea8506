// F# Interactive runs this when a script refers to the package. Where libtorch does not load yet (its own package may be named later in the script),
// the first use of the library tries again and says why.
try UnetResnet.Runtime.TorchRuntime.Initialize() |> ignore with :? UnetResnet.Runtime.TorchLoadException -> ()
