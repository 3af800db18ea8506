// libtorch's random state, thread count and default device are process-wide: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
