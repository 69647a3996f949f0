using System.Reflection;
using System.Runtime.InteropServices;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>The program and libraries that made a result.</summary>
/// <param name="Posterior">This library.</param>
/// <param name="Libtorch">libtorch.</param>
/// <param name="Convolution">The library of convolutions and its instruction set.</param>
/// <param name="Dotnet">The runtime.</param>
/// <param name="System">The operating system and processor architecture.</param>
/// <param name="Threads">Threads of one operation.</param>
public sealed record Versions(string Posterior, string Libtorch, string Convolution, string Dotnet, string System, int Threads)
{
    /// <summary>Those of this process.</summary>
    public static Versions Current => new(
        Library,
        TorchRuntime.Version,
        FastPath.Current is { Enabled: true, Convolution: { Length: > 0 } fast } ? fast : "ATen",
        Environment.Version.ToString(),
        $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}",
        TorchRuntime.Threads);

    /// <summary>The version of this library.</summary>
    public static string Library => typeof(Versions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";
}
