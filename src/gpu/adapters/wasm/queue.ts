/** The queue of a device. */
import { bufferOf, type WasmBuffer } from './buffers.ts';
import { commandBufferOf, type WasmCommandBuffer } from './commands.ts';
import { BufferUsage } from './constants.ts';
import { OutOfMemoryError } from './errors.ts';
import { type DeviceState, nameOf, rangeProblem } from './state.ts';
import { unsupported } from './unsupported.ts';

export class WasmQueue implements GPUQueue {
  declare readonly __brand: 'GPUQueue';
  label = '';
  readonly #state: DeviceState;

  constructor(state: DeviceState) {
    this.#state = state;
  }

  submit(buffers: Iterable<GPUCommandBuffer>): undefined {
    const all = [...buffers].map(commandBufferOf);
    const problem = new Set(all).size < all.length ? 'a command buffer is there twice' : firstProblem(all);
    for (const each of all) each.isSubmitted = true;
    if (problem !== undefined) {
      this.#state.errors.invalid(`submit: ${problem}`);
      return;
    }
    const submission = this.#state.submissions.submit(all.flatMap(({ commands }) => commands.list));
    for (const { commands } of all) for (const resource of commands.resources) resource.lastUse = submission;
  }

  async onSubmittedWorkDone(): Promise<undefined> {
    const { submissions } = this.#state;
    await submissions.done(submissions.flush());
  }

  writeBuffer(
    target: GPUBuffer,
    offset: number,
    data: GPUAllowSharedBufferSource,
    dataOffset = 0,
    size?: number,
  ): undefined {
    const buffer = bufferOf(target);
    const bytes = bytesOf(data, dataOffset, size);
    const problem = writeProblem(buffer, offset, bytes.length);
    if (problem !== undefined) this.#state.errors.invalid(`writeBuffer: ${problem}`);
    else if (bytes.length > 0) this.#write(buffer, offset, bytes);
  }

  writeTexture(): never {
    return unsupported('writeTexture', 'writeBuffer');
  }

  copyExternalImageToTexture(): never {
    return unsupported('copyExternalImageToTexture', 'writeBuffer');
  }

  /** Write at once where no earlier work uses the buffer; otherwise copy the data, and let a copy follow that work. */
  #write(buffer: WasmBuffer, offset: number, bytes: Uint8Array): void {
    const { submissions, memory, executor, errors } = this.#state;
    const address = buffer.range.address + offset;
    if (submissions.isDone(buffer.lastUse)) {
      memory.bytes.set(bytes, address);
      executor.written?.({ address, bytes: bytes.length });
      return;
    }
    const submission = submissions.upload(bytes, address);
    if (submission === undefined)
      errors.report(
        new OutOfMemoryError(`writeBuffer: there is no memory for a copy of ${bytes.length} bytes`),
      );
    else buffer.lastUse = submission;
  }
}

function firstProblem(buffers: readonly WasmCommandBuffer[]): string | undefined {
  for (const buffer of buffers) {
    const { problem } = buffer;
    if (problem !== undefined) return `${nameOf('command buffer', buffer)}: ${problem}`;
  }
  return undefined;
}

function writeProblem(buffer: WasmBuffer, offset: number, bytes: number): string | undefined {
  const name = nameOf('buffer', buffer);
  if (!buffer.isValid) return `${name} is invalid`;
  if ((buffer.usage & BufferUsage.COPY_DST) === 0) return `the usage of ${name} lacks COPY_DST`;
  if (buffer.submissionProblem !== undefined) return buffer.submissionProblem;
  const problem = rangeProblem(offset, bytes, { size: buffer.size, alignment: 4 });
  return problem === undefined ? undefined : `${name}: ${problem}`;
}

/** Return bytes of the data. Offset and size count elements of a typed array, and bytes of others. @throws as WebGPU does. */
function bytesOf(data: GPUAllowSharedBufferSource, offset: number, size?: number): Uint8Array {
  const element =
    ArrayBuffer.isView(data) && 'BYTES_PER_ELEMENT' in data ? Number(data.BYTES_PER_ELEMENT) : 1;
  const all = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  const [from, bytes] = [
    offset * element,
    size === undefined ? all.length - offset * element : size * element,
  ];
  if (from < 0 || bytes < 0 || from + bytes > all.length)
    throw new DOMException(`writeBuffer: ${bytes} bytes from ${from} on, of ${all.length}`, 'OperationError');
  if (bytes % 4 !== 0)
    throw new DOMException(`writeBuffer: ${bytes} bytes are not a multiple of 4`, 'OperationError');
  return all.subarray(from, from + bytes);
}
