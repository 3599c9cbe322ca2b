/**
 * Metrics as a TensorBoard event file: a TFRecord for each row, holding an `Event` (tensorflow/core/util/event.proto)
 * with a `Summary` of one scalar for every number of the row, under the tag `<phase>/<name>`, and of some for every worker, under
 * `workers/<worker>/<name>`. Values that are not finite 32-bit floats are left out, as TensorBoard cannot draw them.
 *
 * A resumed run truncates the same file to its step and continues it: no step is there twice. A running TensorBoard can read
 * on, since equal steps have equal sizes (tried with both loaders of 2.21); where workers take part, it has to be started again.
 */
import { PbfWriter } from 'pbf';
import { crc32c } from '../../base/crc.ts';
import type { Metric, MetricsRow, WorkerRow } from '../../training/store.ts';
import type { MetricsFormat } from './format.ts';

/** Name of the file. TensorBoard reads files with `tfevents` in their name. */
export const EVENT_FILE = 'events.out.tfevents.mathformer';

/** A record is its length (8 bytes), a checksum of that (4), the data, and a checksum of them (4). */
const HEADER_BYTES = 12;
const CHECKSUM_BYTES = 4;

export const TENSORBOARD: MetricsFormat = {
  encode: (row, { index }, workers = []) => {
    const event = record(rowEvent(row, workers));
    return index === 0 ? Buffer.concat([record(versionEvent()), event]) : event;
  },

  *rowEnds(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let start = 0, isVersion = true; start + HEADER_BYTES <= bytes.length; isVersion = false) {
      const data = start + HEADER_BYTES;
      const dataEnd = data + Number(view.getBigUint64(start, true));
      const end = dataEnd + CHECKSUM_BYTES;
      if (end > bytes.length) return;
      if (view.getUint32(start + 8, true) !== maskedChecksum(bytes.subarray(start, start + 8))) return;
      if (view.getUint32(dataEnd, true) !== maskedChecksum(bytes.subarray(data, dataEnd))) return;
      if (!isVersion) yield end;
      start = end;
    }
  },
};

/** Event { wall_time = 1; step = 2; file_version = 3; summary = 5 }; the version opens every file. */
function versionEvent(): Uint8Array {
  const event = new PbfWriter();
  event.writeDoubleField(1, Date.now() / 1000);
  event.writeStringField(3, 'brain.Event:2');
  return event.finish();
}

function rowEvent({ phase, step, ...metrics }: MetricsRow, workers: readonly WorkerRow[]): Uint8Array {
  const event = new PbfWriter();
  event.writeDoubleField(1, Date.now() / 1000);
  event.writeVarintField(2, step);
  const own = Object.entries(metrics).map(([name, metric]) => ({ tag: `${phase}/${name}`, metric }));
  event.writeMessage(5, writeSummary, [...own, ...workers.flatMap(workerScalars)]);
  return event.finish();
}

const workerScalars = ({ worker, ...figures }: WorkerRow): Scalar[] =>
  Object.entries({
    tokens_per_second: figures.tokensPerSecond,
    items: figures.items,
    idle_share: figures.idleShare,
    redelivered: figures.redelivered,
    duplicate: figures.duplicate,
    rejected: figures.rejected,
    policy_seconds_p50: figures.policySecondsP50,
    policy_seconds_p99: figures.policySecondsP99,
  }).map(([name, metric]) => ({ tag: `workers/${worker}/${name}`, metric }));

/** Summary { repeated Value value = 1 }, with Value { tag = 1; simple_value = 2 }. */
function writeSummary(scalars: readonly Scalar[], summary: PbfWriter): void {
  for (const { tag, metric } of scalars) {
    const isScalar = typeof metric === 'number' && Number.isFinite(Math.fround(metric));
    if (isScalar) summary.writeMessage(1, writeValue, { tag, metric });
  }
}

interface Scalar {
  readonly tag: string;
  readonly metric: Metric;
}

function writeValue(
  { tag, metric }: { readonly tag: string; readonly metric: number },
  value: PbfWriter,
): void {
  value.writeStringField(1, tag);
  value.writeFloatField(2, metric);
}

function record(data: Uint8Array): Buffer {
  const framed = Buffer.alloc(HEADER_BYTES + data.length + CHECKSUM_BYTES);
  framed.writeBigUInt64LE(BigInt(data.length), 0);
  framed.writeUInt32LE(maskedChecksum(framed.subarray(0, 8)), 8);
  framed.set(data, HEADER_BYTES);
  framed.writeUInt32LE(maskedChecksum(data), HEADER_BYTES + data.length);
  return framed;
}

/** Return the masked checksum of TFRecord: rotated and shifted, so that bytes with an embedded checksum are no special case. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
