/**
 * An independent reading of TensorBoard event files, after the published formats: TFRecord framing with masked CRC-32C
 * (tensorflow.org/tutorials/load_data/tfrecord) and the protocol buffers `Event` and `Summary`, in the wire format of
 * protobuf.dev/programming-guides/encoding.
 */

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version: string | null;
  readonly scalars: Readonly<Record<string, number>>;
}

/** Remainder of the message times x^32 by Castagnoli's polynomial, bit by bit, first bit of a byte last. */
export function remainder(bytes: Uint8Array): number {
  let register = 0xffffffffn;
  for (const byte of bytes) {
    for (let bit = 0n; bit < 8n; bit++) {
      const out = (register & 1n) ^ ((BigInt(byte) >> bit) & 1n);
      register >>= 1n;
      // 0x1EDC6F41 with its bits reversed.
      if (out) register ^= 0x82f63b78n;
    }
  }
  return Number(register ^ 0xffffffffn);
}

function masked(bytes: Uint8Array): number {
  const crc = BigInt(remainder(bytes));
  const rotated = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn;
  return Number((rotated + 0xa282ead8n) & 0xffffffffn);
}

/** All events. @throws Error for a torn or damaged file. */
export function readEvents(bytes: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (bytes.readUInt32LE(at + 8) !== masked(bytes.subarray(at, at + 8))) throw new Error('bad length');
    const data = bytes.subarray(at + 12, at + 12 + length);
    if (bytes.readUInt32LE(at + 12 + length) !== masked(data)) throw new Error('bad data');
    events.push(readEvent(data));
    at += length + 16;
  }
  return events;
}

type Field = readonly [number: number, value: bigint | Buffer];

function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(message.readUInt8(at++));
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const lengths: Record<number, () => bigint | Buffer> = {
      0: varint,
      1: () => take(8),
      2: () => take(Number(varint())),
      5: () => take(4),
    };
    const read = lengths[tag % 8];
    if (!read) throw new Error(`wire type ${tag % 8}`);
    fields.push([Math.floor(tag / 8), read()]);
  }
  return fields;
}

function readEvent(message: Buffer): ReadEvent {
  const fields = new Map(fieldsOf(message));
  const bytes = (number: number) => {
    const value = fields.get(number);
    return typeof value === 'bigint' || value === undefined ? Buffer.alloc(0) : value;
  };
  const scalars = fieldsOf(bytes(5)).map(([number, value]) => {
    if (number !== 1 || typeof value === 'bigint') throw new Error(`field ${number} of a summary`);
    const parts = new Map(fieldsOf(value));
    const [tag, float] = [parts.get(1), parts.get(2)];
    if (parts.size !== 2 || !(tag instanceof Buffer) || !(float instanceof Buffer)) throw new Error('value');
    return [tag.toString(), float.readFloatLE()];
  });
  const step = fields.get(2);
  return {
    wallTime: bytes(1).readDoubleLE(),
    step: typeof step === 'bigint' ? Number(step) : 0,
    version: fields.has(3) ? bytes(3).toString() : null,
    scalars: Object.fromEntries(scalars),
  };
}
