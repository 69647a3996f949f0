using Posterior.Imaging;
using Posterior.Operators;
using Posterior.Solvers;
using Posterior.Torch;

namespace Posterior.Evaluation.Experiments;

/// <summary>The pictures of an experiment, in its folder: restorations by their key, originals and measurements by hashes of what made them.</summary>
/// <param name="folder">The experiment's folder.</param>
public sealed class ExperimentPictures(string folder)
{
    /// <summary>The name of the folder of pictures.</summary>
    public const string FolderName = "pictures";

    private readonly string _folder = Path.Combine(folder, FolderName);

    /// <summary>The file of a picture.</summary>
    /// <param name="name">Its key or hash.</param>
    public string PathOf(string name) => Path.Combine(_folder, name + ".png");

    /// <summary>Keeps an image.</summary>
    /// <param name="name">Its key or hash.</param>
    /// <param name="unit"><c>[1, C, H, W]</c> in [0, 1].</param>
    /// <exception cref="ImageException">It cannot be written.</exception>
    public void Keep(string name, Tensor unit)
    {
        Directory.CreateDirectory(_folder);
        ImageFile.Save(PathOf(name), unit);
    }

    /// <summary>Keeps a measurement: itself where it is a picture, else <c>H^+ y</c>.</summary>
    /// <param name="name">Its hash.</param>
    /// <param name="measurement">The measurement.</param>
    /// <exception cref="ImageException">It cannot be written.</exception>
    public void Keep(string name, IMeasurement<LinearOperator> measurement)
    {
        using var scope = new Scope();
        var h = measurement.Operator;
        var unit = h.MakesPictures
            ? MeasurementFile.ToUnit(h, measurement.Data)
            : ValueRange.ToUnit(h.PseudoInverse(measurement.Data));
        Keep(name, unit.To(Device.Cpu).Clamp(0, 1));
    }

    /// <summary>Whether a picture is there.</summary>
    /// <param name="name">Its key or hash.</param>
    public bool Has(string name) => File.Exists(PathOf(name));
}

/// <summary>The pictures of one image of one task.</summary>
/// <param name="Image">The image's name.</param>
/// <param name="Task">The task's name.</param>
/// <param name="Original">The hash of the original's picture.</param>
/// <param name="Measurement">The hash of the measurement's picture.</param>
public sealed record PictureName(string Image, string Task, string Original, string Measurement);
