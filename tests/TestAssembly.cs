// One test at a time in each of two processes; TwoProcesses says why.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: TestFramework("UnetResnet.Tests.Processes.TwoProcesses", "UnetResnet.Tests")]
