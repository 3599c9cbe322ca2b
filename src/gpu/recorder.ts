/** The sink that records commands, and plans the memory of a recording when it is complete. */
import { type BufferView, PooledBuffer, viewOf } from './buffers.ts';
import { assertLive, type CommandSink, type Commands } from './commands.ts';
import type { DeviceContext } from './context.ts';
import type { Dispatch } from './kernel.ts';
import { type Command, FrozenRecording, type Recording, viewsOf } from './recording.ts';
import { type SharedMemory, shareMemory } from './sharedMemory.ts';

class Recorder implements CommandSink {
  /** Identity of this recording, for caches. The recorder itself must not be kept alive. */
  readonly recording = {};
  readonly #context: DeviceContext;
  readonly #commands: Command[] = [];
  readonly #effects: (() => void)[] = [];
  readonly #places = new Set<number>();
  readonly #buffers: PooledBuffer[] = [];

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** Make a buffer without memory; planning assigns it. @throws GpuError if it exceeds a binding. */
  allocate(bytes: number, label = 'tensors'): BufferView {
    const { pool } = this.#context;
    const buffer = new PooledBuffer(pool.capacity(bytes), label);
    this.#buffers.push(buffer);
    pool.adopt(buffer);
    return viewOf(buffer, bytes);
  }

  dispatch(dispatch: Dispatch): void {
    const { pipelines } = this.#context;
    const pipeline = pipelines.pipeline(dispatch.kernel, pipelines.recorded);
    this.#commands.push({ kind: 'dispatch', dispatch, pipeline });
  }

  copy(source: BufferView, target: BufferView, bytes: number): void {
    this.#commands.push({ kind: 'copy', source, target, bytes });
  }

  upload(data: ArrayBufferView<ArrayBuffer>, target: BufferView): void {
    const copied = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    this.#commands.push({ kind: 'upload', data: copied, target });
  }

  clear(target: BufferView): void {
    this.#commands.push({ kind: 'clear', target });
  }

  check(place: number): void {
    this.#places.add(place);
  }

  beforeReplays(effect: () => void): void {
    this.#effects.push(effect);
  }

  /** Assign memory to every buffer, and freeze the commands. Buffers that are not `outputs` end here. */
  finish(outputs: readonly BufferView[]): Recording {
    const { pool, shared } = this.#context;
    const made = new Set(this.#buffers);
    const kept = new Set(outputs.map(({ buffer }) => buffer).filter((buffer) => made.has(buffer)));
    shared.join();
    try {
      for (const buffer of kept) pool.provide(buffer, 'outputs of recordings');
      this.#plan(kept, shared);
      const used = this.#commands.flatMap((command) => viewsOf(command).map(({ buffer }) => buffer));
      const outside = new Set(used.filter((buffer) => !made.has(buffer)));
      return new FrozenRecording(
        this.#commands,
        { effects: this.#effects, places: [...this.#places] },
        { outputs: [...kept], outside: [...outside] },
        this.#context,
      );
    } catch (error) {
      for (const buffer of kept) pool.release(viewOf(buffer, buffer.bytes));
      shared.leave();
      throw error;
    } finally {
      for (const buffer of made) if (!kept.has(buffer)) buffer.released = true;
    }
  }

  /** Lend memory to every buffer except the outputs. */
  #plan(outputs: ReadonlySet<PooledBuffer>, shared: SharedMemory): void {
    const lives = new Map<PooledBuffer, { first: number; last: number }>();
    this.#commands.forEach((command, at) => {
      for (const { buffer } of viewsOf(command))
        lives.set(buffer, { first: lives.get(buffer)?.first ?? at, last: at });
    });
    const inside = this.#buffers.filter((buffer) => !outputs.has(buffer));
    shareMemory(
      inside.flatMap((buffer) => {
        const life = lives.get(buffer);
        return life ? [{ buffer, ...life }] : [];
      }),
      shared,
    );
  }
}

/** Record what `body` does, and freeze it. @throws GpuError inside a recording. */
export function record(
  commands: Commands,
  context: DeviceContext,
  // biome-ignore lint/suspicious/noConfusingVoidType: a body may return nothing
  body: () => readonly BufferView[] | void,
): Recording {
  commands.refuseInRecording();
  const { pool } = context;
  const recorder = new Recorder(context);
  let outputs: readonly BufferView[];
  {
    using _ = pool.scope();
    outputs = commands.into(recorder, body) ?? [];
    for (const view of outputs) assertLive(view, 'record', 'a returned tensor');
    for (const { buffer } of outputs) if (!buffer.owner) pool.disown(buffer);
  }
  return recorder.finish(outputs);
}
