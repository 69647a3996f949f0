using System.Text;
using Posterior.Imaging;
using Posterior.Torch;

namespace Posterior.Tests.Imaging;

public sealed class NpyFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Float16)]
    [InlineData(DType.UInt8)]
    [InlineData(DType.Int8)]
    [InlineData(DType.Int16)]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int64)]
    [InlineData(DType.Bool)]
    [InlineData(DType.Complex64)]
    public void What_is_written_is_read_back(DType dtype)
    {
        var before = LiveHandles.Count();
        using (var scope = new Scope())
        {
            foreach (long[] shape in new long[][] { [], [0], [5], [3, 4], [2, 1, 3, 2] })
            {
                var array = Tensor.Arange(0, shape.Aggregate(1L, (a, b) => a * b)).Reshape(shape).To(dtype);
                NpyFile.Write(_folder["a.npy"], array);
                var read = NpyFile.Read(_folder["a.npy"]);
                Assert.Equal((dtype, true), (read.DType, read.Shape.SequenceEqual(array.Shape)));
                Assert.True((read.To(DType.Complex64) - array.To(DType.Complex64)).Abs().To(DType.Float32).Sum().Item() == 0);
                Assert.Equal(0, new FileInfo(_folder["a.npy"]).Length - array.Count * dtype.ElementSize() & 63);
            }
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void A_file_in_column_order_has_the_same_elements()
    {
        // numpy: array([[1, 2, 3], [4, 5, 6]], order='F')
        Write("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", Bytes(1f, 4f, 2f, 5f, 3f, 6f));
        using var array = NpyFile.Read(_folder["a.npy"]);
        Assert.Equal([1f, 2, 3, 4, 5, 6], array.ToArray<float>());
        Assert.Equal([2, 3], array.Shape.ToArray());
    }

    [Theory]
    [InlineData("'>f4'", new byte[] { 0x3F, 0x80, 0, 0 }, 1, DType.Float32)]
    [InlineData("'>i2'", new byte[] { 0x01, 0x02 }, 258, DType.Int16)]
    [InlineData("'<u2'", new byte[] { 0xFF, 0xFF }, 65535, DType.Int32)]
    [InlineData("'>u2'", new byte[] { 0x80, 0x01 }, 32769, DType.Int32)]
    [InlineData("'<u4'", new byte[] { 1, 0, 0, 0x80 }, 2147483649, DType.Int64)]
    [InlineData("\"|u1\"", new byte[] { 200 }, 200, DType.UInt8)]
    [InlineData("'|b1'", new byte[] { 1 }, 1, DType.Bool)]
    [InlineData("'|i1'", new byte[] { 0xFF }, -1, DType.Int8)]
    [InlineData("'<f8'", new byte[] { 0, 0, 0, 0, 0, 0, 0xF0, 0x3F }, 1, DType.Float64)]
    public void Each_type_and_byte_order_has_its_value(string description, byte[] data, double expected, DType type)
    {
        Write($"{{'descr': {description}, 'fortran_order': False, 'shape': (1,), }}", data);
        using var array = NpyFile.Read(_folder["a.npy"]);
        Assert.Equal((expected, type), (array.Item(), array.DType));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void All_versions_of_the_format_are_read(byte version)
    {
        Write("{'shape': (), 'descr': '<f4', 'fortran_order': False}", Bytes(7f), version);
        using var array = NpyFile.Read(_folder["a.npy"]);
        Assert.Equal((7, 0), (array.Item(), array.Rank));
    }

    [Fact]
    public void Nan_and_infinities_are_handed_on_for_the_caller_to_judge()
    {
        Write("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", Bytes(float.NaN, float.PositiveInfinity, 1f));
        using var array = NpyFile.Read(_folder["a.npy"]);
        using var finite = array.IsFinite();
        Assert.Equal([false, false, true], finite.ToArray<bool>());
    }

    [Theory]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "Python objects")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "malformed header")]
    [InlineData("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }", "of type '<M8[ns]'")]
    [InlineData("{'descr': '|f4', 'fortran_order': False, 'shape': (1,), }", "of type '|f4'")]
    [InlineData("{'descr': '', 'fortran_order': False, 'shape': (1,), }", "of type ''")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "malformed header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "impossible shape")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "malformed header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "truncated: a shape of (2,) of '<f4' takes 8 bytes, found 4")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }", "truncated")]
    [InlineData("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }", "longer than its header says")]
    [InlineData("{'descr': '<f4', 'fortran_order': __import__('os').system('id'), 'shape': (1,), }", "malformed header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': 1}", "malformed header")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "malformed header")]
    [InlineData("{'descr': '<f4', 'shape': (1,)}", "malformed header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } or exit()", "malformed header")]
    [InlineData("{'descr': '<f4", "malformed header")]
    [InlineData("", "malformed header")]
    public void A_hostile_or_damaged_header_is_one_line(string header, string reason)
    {
        var before = LiveHandles.Count();
        Write(header, Bytes(1f));
        var error = Assert.Throws<ImageException>(() => NpyFile.Read(_folder["a.npy"]));
        Assert.Contains(reason, error.Message);
        Assert.StartsWith($"array '{_folder["a.npy"]}' ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void A_file_truncated_anywhere_is_an_error()
    {
        using var scope = new Scope();
        NpyFile.Write(_folder["a.npy"], Tensor.Ones([3]));
        var file = File.ReadAllBytes(_folder["a.npy"]);
        for (var length = 0; length < file.Length; length++)
        {
            File.WriteAllBytes(_folder["b.npy"], file[..length]);
            Assert.Throws<ImageException>(() => NpyFile.Read(_folder["b.npy"]));
        }
    }

    [Fact]
    public void Missing_files_other_content_and_unknown_versions_are_named()
    {
        Assert.Contains("does not exist", Assert.Throws<ImageException>(() => NpyFile.Read(_folder["none.npy"])).Message);
        File.WriteAllText(_folder["text.npy"], "1, 2, 3, 4, 5");
        Assert.Contains("not a NumPy file", Assert.Throws<ImageException>(() => NpyFile.Read(_folder["text.npy"])).Message);
        Write("{}", [], 9);
        Assert.Contains("version 9.0", Assert.Throws<ImageException>(() => NpyFile.Read(_folder["a.npy"])).Message);
    }

    private static byte[] Bytes(params float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray();

    private void Write(string header, byte[] data, byte version = 1)
    {
        var text = Encoding.UTF8.GetBytes(header + "\n");
        byte[] length = version == 1 ? BitConverter.GetBytes((ushort)text.Length) : BitConverter.GetBytes(text.Length);
        File.WriteAllBytes(_folder["a.npy"], [0x93, .. "NUMPY"u8, version, 0, .. length, .. text, .. data]);
    }
}
