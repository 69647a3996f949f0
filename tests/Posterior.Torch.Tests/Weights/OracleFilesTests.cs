using System.Text.Json;
using Posterior.Oracles;

namespace Posterior.Torch.Tests.Weights;

[Trait("Category", "Oracle")]
public sealed class OracleFilesTests
{
    [SkippableTheory]
    [MemberData(nameof(OracleFiles.Rows), "", null, MemberType = typeof(OracleFiles))]
    public void Every_oracle_file_opens_and_its_spec_is_json(string row)
    {
        using var oracle = OracleFiles.Open(row);

        Assert.NotEmpty(oracle.Names);
        if (oracle.Text("spec") is not null)
            Assert.Equal(JsonValueKind.Object, oracle.Spec.ValueKind);
        if (oracle.Text("tolerance") is not null)
            Assert.InRange(oracle.Tolerance, 0, 1);
        foreach (var entry in oracle.Weights.Entries)
        {
            Assert.Equal(entry.ByteCount, entry.ReadBytes().LongLength);
        }
    }
}
