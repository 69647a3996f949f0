namespace Posterior.Diffusion;

/// <summary>A prior that can be told the class of the image.</summary>
public interface IClassConditional
{
    /// <summary>The number of classes; 0 when there are none.</summary>
    int Classes { get; }

    /// <summary>The prior of given classes.</summary>
    /// <param name="labels">One class for all images of a batch, or one for each.</param>
    Denoiser WithLabels(params long[] labels);
}
