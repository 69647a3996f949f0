namespace Posterior.Torch.Weights.Pickle;

/// <summary>The pickle instructions that push one scalar: numbers, text, bytes, None and booleans.</summary>
internal static class PickleScalars
{
    /// <summary>Reads the scalar of an instruction; false for an instruction of another kind.</summary>
    public static bool TryRead(PickleOpcode opcode, ref PickleReader reader, out object? value)
    {
        switch (opcode)
        {
            case PickleOpcode.None:
                value = null;
                return true;
            case PickleOpcode.NewTrue:
                value = true;
                return true;
            case PickleOpcode.NewFalse:
                value = false;
                return true;
            case PickleOpcode.BinInt1:
                value = (long)reader.Byte();
                return true;
            case PickleOpcode.BinInt2:
                value = (long)reader.UInt16();
                return true;
            case PickleOpcode.BinInt:
                value = (long)reader.Int32();
                return true;
            case PickleOpcode.Int:
                value = reader.DecimalLine(allowBooleans: true);
                return true;
            case PickleOpcode.Long:
                value = reader.DecimalLine(allowBooleans: false);
                return true;
            case PickleOpcode.Long1:
                value = reader.Integer(reader.Byte());
                return true;
            case PickleOpcode.Long4:
                value = reader.Integer(reader.SignedLength());
                return true;
            case PickleOpcode.Float:
                value = reader.DoubleLine();
                return true;
            case PickleOpcode.BinFloat:
                value = reader.Double();
                return true;
            case PickleOpcode.ShortBinUnicode:
                value = reader.Utf8(reader.Byte());
                return true;
            case PickleOpcode.BinUnicode:
                value = reader.Utf8(reader.UInt32());
                return true;
            case PickleOpcode.BinUnicode8:
                value = reader.Utf8(reader.UInt64());
                return true;
            case PickleOpcode.ShortBinString:
                value = reader.ByteString(reader.Byte());
                return true;
            case PickleOpcode.BinString:
                value = reader.ByteString(reader.SignedLength());
                return true;
            case PickleOpcode.String:
                value = PickleText.Quoted(reader.Line()) ?? throw new PickleFault("expected a quoted string");
                return true;
            case PickleOpcode.Unicode:
                value = PickleText.RawUnicode(reader.Line()) ?? throw new PickleFault("expected escaped Unicode text");
                return true;
            case PickleOpcode.ShortBinBytes:
                value = reader.Take(reader.Byte()).ToArray();
                return true;
            case PickleOpcode.BinBytes:
                value = reader.Take(reader.UInt32()).ToArray();
                return true;
            case PickleOpcode.BinBytes8 or PickleOpcode.ByteArray8:
                value = reader.Take(reader.UInt64()).ToArray();
                return true;
            default:
                value = null;
                return false;
        }
    }
}
