using System.Globalization;

namespace Posterior.Evaluation.Benchmarks;

/// <summary>The memory of this process as the system counts it.</summary>
internal static class ProcessMemory
{
    /// <summary>The most that was ever resident, in GiB; NaN where the system does not tell (<c>VmHWM</c> of Linux).</summary>
    public static double PeakGiB()
    {
        const string Status = "/proc/self/status";
        if (!File.Exists(Status)) return double.NaN;
        var line = File.ReadLines(Status).FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return line is not null && double.TryParse(line[6..].Replace("kB", "", StringComparison.Ordinal).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var kilobytes)
            ? kilobytes / (1024 * 1024)
            : double.NaN;
    }
}
