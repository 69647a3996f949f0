// The engine's settings and counters (threads, vector variant, live handles) belong to the process: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
