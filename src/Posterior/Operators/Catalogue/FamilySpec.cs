using System.Globalization;
using Posterior.Imaging;

namespace Posterior.Operators;

/// <summary>A random operator of a family: the same shape and seed give the same operator on every machine.</summary>
/// <param name="Family">The family.</param>
/// <param name="Seed">Chooses the operator.</param>
public sealed record FamilySpec(OperatorFamily Family, int Seed = 0) : OperatorSpec
{
    // What colour images have; the measurement of a matrix does not tell.
    private const long AssumedChannels = 3;

    /// <summary>The lines of the catalogue: one for each family.</summary>
    public static IEnumerable<OperatorEntry> Entries => OperatorFamilies.All.Select(family => new OperatorEntry(
        family.Name, $"{family.Name}[:seed=0]", family.Name, family.Description, text => new FamilySpec(family, text.Whole("seed", 0, 0, int.MaxValue))));

    /// <inheritdoc/>
    public override bool MakesPictures => Family.MakesPictures;

    /// <inheritdoc/>
    public override bool LeavesPixelsOut => Family.LeavesPixelsOut;

    /// <inheritdoc/>
    public override string Text => Seed == 0 ? Family.Name : string.Create(CultureInfo.InvariantCulture, $"{Family.Name}:seed={Seed}");

    /// <inheritdoc/>
    protected internal override ForwardOperator Create(OperatorSite site) => Family.Draw(site.Shape, (ulong)Seed).Bind(Text, site.DType, site.Device);

    /// <inheritdoc/>
    protected override ImageShape Infer(IReadOnlyList<long> measurement, (long Height, long Width)? size, IOperatorFiles? files)
    {
        if (size is null && measurement is [_, _, _] && Family.Draw(Image(measurement), (ulong)Seed) is MaskMember) return Image(measurement);
        var (height, width) = Stated(size);
        return new ImageShape(measurement is [var channels, _, _] ? channels : AssumedChannels, height, width);
    }
}
