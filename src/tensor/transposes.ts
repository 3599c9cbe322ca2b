/**
 * Transposed weights: Wᵀ (K, N rounded up to a multiple of 4) of W (…,N,K), the layout that products on CPUs read. They are cached
 * until the values change: a forward pass, its backward pass and a whole rollout share them. All declared weights of a
 * buffer are transposed in one dispatch; any other weight alone.
 */
import type { BufferView, PooledBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defaultsOf } from '../kernels/defaults.ts';
import type { MatmulOptions } from '../kernels/matmul/index.ts';
import { matrixTable, type PlacedMatrix, transposeAll, transposePadded } from '../kernels/transpose.ts';
import { type Shape, showShape, sizeOf, Tensor } from './tensor.ts';

/** Transposes that are computed together, from one buffer. */
interface Batch {
  readonly compute: () => void;
  /** Compute them now if the values have changed since. */
  readonly refresh: () => void;
  /** The recording that computes them, and the version that it computes. */
  recorded?: { readonly recording: object; readonly version: number };
  /** The recording that refreshes them before each replay. */
  refreshedBy?: object;
}

interface Kept {
  readonly view: BufferView;
  readonly batch: Batch;
}

/** Transposes by buffer, then by range and shape, so that all tensors over the same values share them. */
const transposes = new WeakMap<PooledBuffer, Map<string, Kept>>();
/** The weights of each buffer that are transposed together. */
const declared = new WeakMap<PooledBuffer, readonly Tensor[]>();

/** Let weights (…,N,K) in one buffer, K a multiple of 4, be transposed together at the first use of any of them. */
export function transposeTogether(buffer: PooledBuffer, weights: readonly Tensor[]): void {
  declared.set(buffer, weights);
}

/** Return a weight (…,N,K) as the right side of x·Wᵀ: as it lies in memory where the kernels of products read that, or transposed. */
export const weightOperand = (weight: Tensor): Pick<MatmulOptions, 'b' | 'bTransposed'> =>
  defaultsOf(weight.device).products === 'tile'
    ? { b: weight.view, bTransposed: true }
    : { b: transposedWeight(weight) };

/**
 * Return the transpose of a weight. In a recording it is updated before each replay if the values have changed; if the recording
 * itself changed them before, it computes the transpose in every replay.
 */
export function transposedWeight(weight: Tensor): BufferView {
  const { device } = weight;
  const { buffer } = weight.view;
  // A tensor made inside a recording is transposed in every replay.
  if (weight.node || !buffer.owner) {
    const view = device.allocate(bytesOf(weight));
    transposeInto(weight, view);
    return view;
  }
  const { view, batch } = keptTranspose(weight);
  const { recording } = device;
  if (!recording) batch.refresh();
  else if (buffer.changedIn !== recording) {
    if (batch.refreshedBy !== recording) device.onRun(batch.refresh);
    batch.refreshedBy = recording;
  } else if (batch.recorded?.recording !== recording || batch.recorded.version !== buffer.version) {
    batch.compute();
    batch.recorded = { recording, version: buffer.version };
  }
  return view;
}

const matrixOf = ({ shape }: Tensor) => {
  const [N, K] = shape.slice(-2) as [number, number];
  return { N, K, groups: sizeOf(shape.slice(0, -2)) };
};

function bytesOf(weight: Tensor): number {
  const { N, K, groups } = matrixOf(weight);
  return groups * K * Math.ceil(N / 4) * 16;
}

const transposeInto = (weight: Tensor, view: BufferView): void =>
  transposePadded(weight.device, weight.view, view, matrixOf(weight));

const keyOf = (offset: number, shape: Shape): string => `${offset} ${showShape(shape)}`;

function keptTranspose(weight: Tensor): Kept {
  const { buffer, offset } = weight.view;
  const ofBuffer = transposes.get(buffer) ?? new Map<string, Kept>();
  transposes.set(buffer, ofBuffer);
  const key = keyOf(offset, weight.shape);
  const known = ofBuffer.get(key);
  if (known) return known;
  const together = declared.get(buffer) ?? [];
  if (!together.some((other) => keyOf(other.view.offset, other.shape) === key))
    return keepAlone(weight, ofBuffer);
  for (const weights of batchesOf(weight.device, together)) keepTogether(weights, ofBuffer);
  return ofBuffer.get(key) ?? keepAlone(weight, ofBuffer);
}

function keepAlone(weight: Tensor, ofBuffer: Map<string, Kept>): Kept {
  const { device, shape } = weight;
  const { buffer, offset } = weight.view;
  // Not the weight itself, which may be dropped before others over the same values.
  const source = new Tensor(device, weight.view, shape);
  const view = keptView(device, buffer, bytesOf(weight));
  const kept = { view, batch: batchOf(buffer, () => transposeInto(source, view)) };
  ofBuffer.set(keyOf(offset, shape), kept);
  return kept;
}

/** Keep the transposes of weights in one buffer, and compute them in one dispatch. */
function keepTogether(weights: readonly Tensor[], ofBuffer: Map<string, Kept>): void {
  const [first] = weights;
  if (!first) return;
  const { device } = first;
  const { buffer } = first.view;
  const places = placesOf(device, weights);
  const y = keptView(device, buffer, places.bytes);
  const { matrices, tiles } = matrixTable(
    places.each.flatMap(({ weight, offset }): PlacedMatrix[] => {
      const { N, K, groups } = matrixOf(weight);
      return Array.from({ length: groups }, (_, group) => ({
        ...{ N, K, from: weight.view.offset / 4 + group * N * K },
        to: offset / 4 + group * K * Math.ceil(N / 4) * 4,
      }));
    }),
  );
  const upload = (data: Uint32Array<ArrayBuffer>): BufferView => {
    const view = keptView(device, buffer, data.byteLength);
    device.outsideRecording(() => device.upload(view, data));
    return view;
  };
  const x: BufferView = { buffer, offset: 0, bytes: buffer.used };
  const views = { x, y, matrices: upload(matrices), tiles: upload(tiles) };
  const batch = batchOf(buffer, () => transposeAll(device, views, tiles.length / 2));
  for (const { weight, offset } of places.each) {
    const view = { buffer: y.buffer, offset, bytes: bytesOf(weight) };
    ofBuffer.set(keyOf(weight.view.offset, weight.shape), { view, batch });
  }
}

/** Divide weights into batches whose transposes fit a binding. */
function batchesOf(device: Device, weights: readonly Tensor[]): Tensor[][] {
  const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const batches: Tensor[][] = [];
  for (const weight of weights) {
    const latest = batches.at(-1);
    if (latest && placesOf(device, [...latest, weight]).bytes <= most) latest.push(weight);
    else batches.push([weight]);
  }
  return batches;
}

/** Return where the transposes of weights lie, in bytes; bindings start at multiples of an alignment. */
function placesOf({ gpu }: Device, weights: readonly Tensor[]) {
  const alignment = Math.max(16, gpu.limits.minStorageBufferOffsetAlignment);
  let bytes = 0;
  const each = weights.map((weight) => {
    const offset = Math.ceil(bytes / alignment) * alignment;
    bytes = offset + bytesOf(weight);
    return { weight, offset };
  });
  return { each, bytes };
}

/** Allocate memory that is released with the buffer. */
function keptView(device: Device, buffer: PooledBuffer, bytes: number): BufferView {
  const view = device.allocatePersistent(bytes, 'transposed weights');
  buffer.derived = [...(buffer.derived ?? []), view];
  return view;
}

function batchOf(buffer: PooledBuffer, compute: () => void): Batch {
  let version = -1;
  const refresh = (): void => {
    if (version === buffer.version) return;
    compute();
    version = buffer.version;
  };
  return { compute, refresh };
}
