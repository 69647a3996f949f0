// The count of live tensors belongs to the process: tests that watch it return to its start must not run beside others.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
