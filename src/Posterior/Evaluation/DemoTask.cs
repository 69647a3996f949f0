using Posterior.Imaging;

namespace Posterior.Evaluation;

/// <summary>A problem of the demonstration.</summary>
/// <param name="Name">What its picture is called.</param>
/// <param name="Title">What it is, in a few words.</param>
/// <param name="Operator">The operator's text form.</param>
/// <param name="Sigma">The noise level.</param>
public sealed record DemoTask(string Name, string Title, string Operator, UnitSigma Sigma)
{
    /// <summary>The problems of <c>posterior demo</c>.</summary>
    public static IReadOnlyList<DemoTask> All { get; } =
    [
        new("sr4", "super-resolution x4", "sr4", new(0)),
        new("sr4-noisy", "super-resolution x4, noise 0.05", "sr4", new(0.05)),
        new("deblur", "deblurring 9x9, noise 0.02", "deblur-uniform9", new(0.02)),
        new("inpaint", "half of the pixels missing", "inpaint-random:0.5", new(0)),
    ];
}

/// <summary>One restoration of the demonstration.</summary>
/// <param name="Task">The problem's name.</param>
/// <param name="Image">The picture's name.</param>
/// <param name="BaselinePsnr">PSNR of the pseudo-inverse, in dB.</param>
/// <param name="Psnr">PSNR of the restored image, in dB.</param>
/// <param name="BaselineSsim">SSIM of the pseudo-inverse.</param>
/// <param name="Ssim">SSIM of the restored image.</param>
/// <param name="Seconds">The time of the restoration.</param>
/// <param name="Evaluations">Network evaluations.</param>
public sealed record DemoRow(string Task, string Image, double BaselinePsnr, double Psnr, double BaselineSsim, double Ssim, double Seconds, int Evaluations);
