using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Posterior.Cli;

/// <summary>Ctrl-C and termination requests: the first one asks the work to stop cleanly, the second one ends the process.</summary>
internal static class Interrupts
{
    private static readonly CancellationTokenSource _source = new();
    private static readonly TimeSpan _sameRequest = TimeSpan.FromSeconds(1);
    private static long _first;
    private static int _code;

    /// <summary>Cancelled by the first signal.</summary>
    public static CancellationToken Token => _source.Token;

    /// <summary>128 plus the signal's number; null when there was none.</summary>
    public static int? Code => _code == 0 ? null : _code;

    public static IDisposable Catch() => new Registrations(
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, 130)),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, 143)));

    private static void Stop(PosixSignalContext context, int code)
    {
        if (_source.IsCancellationRequested)
        {
            // Programs that run others often send the same signal twice at once: that is one request.
            context.Cancel = Stopwatch.GetElapsedTime(_first) < _sameRequest;
            return;
        }
        context.Cancel = true;
        (_first, _code) = (Stopwatch.GetTimestamp(), code);
        _source.Cancel();
    }

    private sealed record Registrations(params PosixSignalRegistration[] All) : IDisposable
    {
        public void Dispose()
        {
            foreach (var registration in All) registration.Dispose();
        }
    }
}
