/** Command encoders. Errors in commands are reported by `finish`, as WebGPU does. */
import { bufferOf, type WasmBuffer } from './buffers.ts';
import { Commands, WasmCommandBuffer } from './commands.ts';
import { BufferUsage } from './constants.ts';
import { WasmComputePass } from './pass.ts';
import { QUERY_BYTES, querySetOf } from './queries.ts';
import { type DeviceState, nameOf, rangeProblem } from './state.ts';
import { unsupported } from './unsupported.ts';

/** Alignment of the target of `resolveQuerySet`, in bytes. */
const RESOLVE_ALIGNMENT = 256;

/** A buffer and an offset in it. */
interface Place {
  readonly buffer: WasmBuffer;
  readonly offset: number;
}

export class WasmCommandEncoder implements GPUCommandEncoder {
  declare readonly __brand: 'GPUCommandEncoder';
  label: string;
  readonly #state: DeviceState;
  readonly #commands = new Commands();
  #status: 'open' | 'in a compute pass' | 'finished' = 'open';

  constructor(state: DeviceState, { label = '' }: GPUCommandEncoderDescriptor = {}) {
    this.#state = state;
    this.label = label;
  }

  beginComputePass({ label = '', timestampWrites }: GPUComputePassDescriptor = {}): WasmComputePass {
    const isOpen = this.#expectOpen('beginComputePass');
    if (isOpen) this.#status = 'in a compute pass';
    if (timestampWrites) this.#timestamp(timestampWrites.querySet, timestampWrites.beginningOfPassWriteIndex);
    return new WasmComputePass(this.#commands, this.#state.limits, label, () => {
      if (isOpen) this.#status = 'open';
      if (timestampWrites) this.#timestamp(timestampWrites.querySet, timestampWrites.endOfPassWriteIndex);
    });
  }

  copyBufferToBuffer(source: GPUBuffer, target: GPUBuffer, size?: number): undefined;
  copyBufferToBuffer(
    source: GPUBuffer,
    sourceOffset: number,
    target: GPUBuffer,
    targetOffset: number,
    size?: number,
  ): undefined;
  copyBufferToBuffer(
    source: GPUBuffer,
    second: number | GPUBuffer,
    third?: number | GPUBuffer,
    targetOffset = 0,
    size?: number,
  ): undefined {
    if (typeof second === 'number' && typeof third === 'object') {
      this.#copy(
        { buffer: bufferOf(source), offset: second },
        { buffer: bufferOf(third), offset: targetOffset },
        size,
      );
    } else if (typeof second === 'object' && typeof third !== 'object') {
      this.#copy({ buffer: bufferOf(source), offset: 0 }, { buffer: bufferOf(second), offset: 0 }, third);
    } else {
      throw new TypeError('copyBufferToBuffer takes two buffers, or two buffers with their offsets');
    }
  }

  clearBuffer(target: GPUBuffer, offset = 0, size?: number): undefined {
    if (!this.#expectOpen('clearBuffer')) return;
    const buffer = bufferOf(target);
    const bytes = size ?? Math.max(0, buffer.size - offset);
    const problem = useProblem({ buffer, offset }, bytes, 'COPY_DST');
    if (problem !== undefined) {
      this.#commands.fail(`clearBuffer: ${problem}`);
      return;
    }
    this.#commands.use(buffer);
    if (bytes > 0) this.#commands.add({ kind: 'clear', address: buffer.range.address + offset, bytes });
  }

  resolveQuerySet(
    querySet: GPUQuerySet,
    first: number,
    count: number,
    target: GPUBuffer,
    offset: number,
  ): undefined {
    if (!this.#expectOpen('resolveQuerySet')) return;
    const [queries, buffer] = [querySetOf(querySet), bufferOf(target)];
    const bytes = count * QUERY_BYTES;
    const problem =
      first + count > queries.count
        ? `queries ${first} to ${first + count} of ${queries.count}`
        : useProblem({ buffer, offset }, bytes, 'QUERY_RESOLVE', RESOLVE_ALIGNMENT);
    if (problem !== undefined || !queries.range) {
      this.#commands.fail(`resolveQuerySet: ${problem ?? `${nameOf('query set', queries)} is invalid`}`);
      return;
    }
    this.#commands.use(queries);
    this.#commands.use(buffer);
    if (count === 0) return;
    const source = queries.range.address + first * QUERY_BYTES;
    this.#commands.add({ kind: 'copy', of: 'buffers', source, target: buffer.range.address + offset, bytes });
  }

  /** Write the time after the commands before it. */
  writeTimestamp(querySet: GPUQuerySet, index: number): undefined {
    if (this.#expectOpen('writeTimestamp')) this.#timestamp(querySet, index);
  }

  finish({ label = '' }: GPUCommandBufferDescriptor = {}): WasmCommandBuffer {
    this.#expectOpen('finish');
    this.#status = 'finished';
    const { error } = this.#commands;
    if (error !== undefined) this.#state.errors.invalid(error);
    return new WasmCommandBuffer(this.#commands, label);
  }

  pushDebugGroup(): undefined {}
  popDebugGroup(): undefined {}
  insertDebugMarker(): undefined {}

  beginRenderPass(): never {
    return unsupported('beginRenderPass', 'beginComputePass');
  }

  copyBufferToTexture(): never {
    return unsupported('copyBufferToTexture', 'copyBufferToBuffer');
  }

  copyTextureToBuffer(): never {
    return unsupported('copyTextureToBuffer', 'copyBufferToBuffer');
  }

  copyTextureToTexture(): never {
    return unsupported('copyTextureToTexture', 'copyBufferToBuffer');
  }

  #copy(source: Place, target: Place, size?: number): void {
    if (!this.#expectOpen('copyBufferToBuffer')) return;
    const bytes = size ?? Math.max(0, source.buffer.size - source.offset);
    const problem =
      useProblem(source, bytes, 'COPY_SRC') ??
      useProblem(target, bytes, 'COPY_DST') ??
      (source.buffer === target.buffer ? 'source and target are the same buffer' : undefined);
    if (problem !== undefined) {
      this.#commands.fail(`copyBufferToBuffer: ${problem}`);
      return;
    }
    this.#commands.use(source.buffer);
    this.#commands.use(target.buffer);
    if (bytes === 0) return;
    const addresses = { source: addressOf(source), target: addressOf(target) };
    this.#commands.add({ kind: 'copy', of: 'buffers', ...addresses, bytes });
  }

  #timestamp(querySet: GPUQuerySet, index: number | undefined): void {
    if (index === undefined) return;
    const queries = querySetOf(querySet);
    if (!queries.range || index >= queries.count) {
      this.#commands.fail(
        `timestampWrites: ${nameOf('query set', queries)} of ${queries.count} has no query ${index}, or is invalid`,
      );
      return;
    }
    this.#commands.use(queries);
    this.#commands.add({ kind: 'timestamp', address: queries.range.address + index * QUERY_BYTES });
  }

  #expectOpen(where: string): boolean {
    if (this.#status === 'open') return true;
    this.#commands.fail(`${where}: the command encoder is ${this.#status}`);
    return false;
  }
}

const addressOf = ({ buffer, offset }: Place): number => buffer.range.address + offset;

/** Return the problem with a use of a buffer's bytes by a command; undefined if there is none. */
function useProblem(
  { buffer, offset }: Place,
  bytes: number,
  usage: 'COPY_SRC' | 'COPY_DST' | 'QUERY_RESOLVE',
  alignment = 4,
): string | undefined {
  const name = nameOf('buffer', buffer);
  if (!buffer.isValid) return `${name} is invalid`;
  if ((buffer.usage & BufferUsage[usage]) === 0) return `the usage of ${name} lacks ${usage}`;
  if (bytes % 4 !== 0) return `${bytes} bytes are not a multiple of 4`;
  const problem = rangeProblem(offset, bytes, { size: buffer.size, alignment });
  return problem === undefined ? undefined : `${name}: ${problem}`;
}
