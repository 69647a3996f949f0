using System.Globalization;
using Posterior.Diffusion;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Evaluation;

/// <summary>The picture of principal components, <c>out.components.png</c>: a row for each direction, with the direction itself and images along it.</summary>
internal static class ComponentFiles
{
    private static readonly double[] _steps = [-3, -1.5, 0, 1.5, 3];

    /// <summary>Its name.</summary>
    /// <param name="output">The name of the restoration.</param>
    public static string Name(string output) => Path.Combine(Path.GetDirectoryName(output)!, $"{Path.GetFileNameWithoutExtension(output)}.components.png");

    /// <summary>Writes it; nothing for a model without directions.</summary>
    /// <param name="set">Where it is noted.</param>
    /// <param name="output">The name of the restoration.</param>
    /// <param name="components">Components of one image.</param>
    public static void Write(OutputSet set, string output, PrincipalComponents components)
    {
        if (components.Directions.Size(1) == 0) return;
        using var scope = new Scope();
        var deviations = components.Deviations().ToArray<float>();
        var rows = new List<IReadOnlyList<ContactSheet.Cell>>();
        for (var k = 0; k < deviations.Length; k++)
        {
            // The direction itself around middle grey, its largest value white or black.
            var direction = components.Directions.Select(1, k);
            var stretched = direction * (0.5 / Math.Max(1e-12, direction.Abs().Max().Item())) + 0.5;
            rows.Add(
            [
                new(stretched, string.Create(CultureInfo.InvariantCulture, $"{k + 1}: sd {UnitSigma.FromSigned(deviations[k]).Value:0.###}")),
                .. components.Walk(k, _steps).Select((image, i) => new ContactSheet.Cell(ValueRange.ToUnit(image).Clamp(0, 1), _steps[i] == 0 ? "mean" : string.Create(CultureInfo.InvariantCulture, $"{_steps[i]:+0.#;-0.#} sd"))),
            ]);
        }
        set.Add(Name(output), "components", file => ImageFile.Save(file, ContactSheet.Render(rows), new SaveOptions { Bits = 8 }));
    }
}
