using Posterior.Torch;

namespace Posterior;

/// <summary>Tests that count the live tensors of the process: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class LiveHandles
{
    public const string Name = "live handles";

    /// <summary>The number of live tensors, without those that earlier tests left to the garbage collector.</summary>
    public static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.LiveCount;
    }
}
