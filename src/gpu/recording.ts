/**
 * Recordings: a fixed sequence of launches, copies and uploads, made once and replayed. When the sequence is complete
 * its memory is planned: a buffer made inside lives from the first to the last command that uses it, and buffers whose
 * lives do not overlap share memory, with other recordings too, since replays run one after the other. Only what the
 * recorded function returns has memory of its own.
 */
import { GpuError } from '../base/errors.ts';
import { Arena } from './arena.ts';
import type { CommandBatch, Dispatch } from './batch.ts';
import { type BufferPool, type BufferView, PooledBuffer, USAGE, viewOf } from './buffers.ts';
import { type Doubt, doubtsOf, NO_DOUBTS, passOn } from './doubts.ts';
import type { Kernel, Launch, Scalar } from './kernel.ts';
import type { Pipeline, PipelineCache } from './pipelines.ts';
import { type SharedMemory, shareMemory } from './sharedMemory.ts';

type Params = Readonly<Record<string, Scalar>>;

type Command =
  | ({ readonly kind: 'dispatch'; readonly pipeline: Pipeline } & Launch)
  | {
      readonly kind: 'copy';
      readonly source: BufferView;
      readonly target: BufferView;
      readonly bytes: number;
    }
  | { readonly kind: 'upload'; readonly data: Uint8Array<ArrayBuffer>; readonly target: BufferView }
  | { readonly kind: 'clear'; readonly target: BufferView };

/** A fixed sequence of commands whose bindings are frozen; replaying it costs only encoding. */
export interface Recording extends Disposable {
  readonly dispatches: number;
  /** Runs the commands. The first call completes the run that was recorded; later ones repeat its effects first. */
  replay(): void;
}

/** What a recording is made of and made with. */
export interface RecordingContext {
  readonly gpu: GPUDevice;
  readonly pool: BufferPool;
  readonly pipelines: PipelineCache;
  readonly batch: CommandBatch;
  /** Memory that all recordings of a device share. */
  readonly shared: SharedMemory;
  /** The doubt about what is checked at a place, from now to the next read. */
  readonly doubt: (place: number) => Doubt | undefined;
  /** The list of faults, which everything checked writes and nothing depends on. */
  readonly faults: PooledBuffer | undefined;
}

/** Collects what a function does instead of running it. */
export class Recorder {
  /** Stands for this recording where something remembers what it was computed in; the recorder itself must not live on. */
  readonly identity = {};
  readonly commands: Command[] = [];
  readonly effects: (() => void)[] = [];
  /** Places at which its commands check something, in the device's list of faults. */
  readonly places = new Set<number>();
  readonly #pool: BufferPool;
  readonly #buffers: PooledBuffer[] = [];

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** A buffer without memory, which planning gives it. @throws GpuError if no binding is as large. */
  allocate(bytes: number, label = 'tensors'): BufferView {
    const buffer = new PooledBuffer(this.#pool.capacity(bytes), label);
    this.#buffers.push(buffer);
    this.#pool.adopt(buffer);
    return viewOf(buffer, bytes);
  }

  /** Gives every buffer memory and freezes the commands; buffers that are not among `outputs` end here. */
  finish(outputs: readonly BufferView[], context: RecordingContext): Recording {
    const { pool, shared } = context;
    const made = new Set(this.#buffers);
    const kept = new Set(outputs.map(({ buffer }) => buffer).filter((buffer) => made.has(buffer)));
    shared.join();
    try {
      for (const buffer of kept) pool.provide(buffer, 'outputs of recordings');
      this.#plan(kept, shared);
      const outside = new Set(
        this.commands.flatMap((command) => viewsOf(command).map(({ buffer }) => buffer)),
      );
      for (const buffer of made) outside.delete(buffer);
      const buffers = { outputs: [...kept], outside: [...outside] };
      return new FrozenRecording(
        this.commands,
        { effects: this.effects, places: this.places },
        buffers,
        context,
      );
    } catch (error) {
      for (const buffer of kept) pool.release(viewOf(buffer, buffer.bytes));
      shared.leave();
      throw error;
    } finally {
      for (const buffer of made) if (!kept.has(buffer)) buffer.released = true;
    }
  }

  /** Lends memory to every buffer but the outputs. */
  #plan(outputs: ReadonlySet<PooledBuffer>, shared: SharedMemory): void {
    const first = new Map<PooledBuffer, number>();
    const last = new Map<PooledBuffer, number>();
    this.commands.forEach((command, at) => {
      for (const { buffer } of viewsOf(command)) {
        if (!first.has(buffer)) first.set(buffer, at);
        last.set(buffer, at);
      }
    });
    const inside = this.#buffers.filter((buffer) => first.has(buffer) && !outputs.has(buffer));
    shareMemory(
      inside.map((buffer) => ({ buffer, first: first.get(buffer) ?? 0, last: last.get(buffer) ?? 0 })),
      shared,
    );
  }
}

function viewsOf(command: Command): readonly BufferView[] {
  switch (command.kind) {
    case 'dispatch':
      return command.kernel.bufferNames.map((name) => command.buffers[name] as BufferView);
    case 'copy':
      return [command.source, command.target];
    case 'upload':
    case 'clear':
      return [command.target];
    default:
      return command satisfies never;
  }
}

/** The views that a command writes. */
function targetsOf(command: Command): readonly BufferView[] {
  if (command.kind !== 'dispatch') return [command.target];
  const { bufferNames, written } = command.kernel;
  return bufferNames.filter((_, i) => written[i]).map((name) => command.buffers[name] as BufferView);
}

/** Of each of these buffers, the range that the commands write within. */
function writtenBy(commands: readonly Command[], buffers: ReadonlySet<PooledBuffer>): BufferView[] {
  const ranges = new Map<PooledBuffer, { from: number; to: number }>();
  for (const { buffer, offset, bytes } of commands.flatMap(targetsOf)) {
    if (!buffers.has(buffer)) continue;
    const { from, to } = ranges.get(buffer) ?? { from: offset, to: offset };
    ranges.set(buffer, { from: Math.min(from, offset), to: Math.max(to, offset + bytes) });
  }
  return [...ranges].map(([buffer, { from, to }]) => ({ buffer, offset: from, bytes: to - from }));
}

type Step = (batch: CommandBatch) => void;

class FrozenRecording implements Recording {
  readonly dispatches: number;
  readonly #context: RecordingContext;
  readonly #steps: readonly Step[];
  readonly #effects: readonly (() => void)[];
  readonly #places: readonly number[];
  readonly #outputs: readonly PooledBuffer[];
  readonly #outside: readonly PooledBuffer[];
  /** What lasts of what it writes: outputs, and parts of buffers that others made. */
  readonly #written: readonly BufferView[];
  readonly #arena: Arena;
  /** Launches whose parameters are functions; theirs lie at the start of the arena. */
  readonly #dynamic: readonly { readonly kernel: Kernel; readonly params: Params; readonly offset: number }[];
  readonly #dynamicBytes: number = 0;
  readonly #free: () => void;
  #fresh = true;
  #disposed = false;

  constructor(
    commands: readonly Command[],
    { effects, places }: { readonly effects: readonly (() => void)[]; readonly places: ReadonlySet<number> },
    buffers: { readonly outputs: readonly PooledBuffer[]; readonly outside: readonly PooledBuffer[] },
    context: RecordingContext,
  ) {
    const { gpu, pipelines } = context;
    this.#context = context;
    this.#effects = effects;
    this.#places = [...places];
    this.#outputs = buffers.outputs;
    this.#outside = buffers.outside;
    const lasting = new Set([...buffers.outputs, ...buffers.outside]);
    if (context.faults) lasting.delete(context.faults);
    this.#written = writtenBy(commands, lasting);
    const launches = commands.filter((command) => command.kind === 'dispatch');
    this.dispatches = launches.length;
    const bytes = launches.reduce((total, { kernel }) => total + Arena.room(gpu, kernel), 0);
    const arena = new Arena(gpu, 'recording', Math.max(16, bytes));
    const constants = uploadConstants(gpu, commands);
    const isDynamic = ({ params }: { readonly params: Params }): boolean =>
      Object.values(params).some((param) => typeof param === 'function');
    const offsets = new Map<Command, number>();
    for (const command of [...launches.filter(isDynamic), ...launches.filter((each) => !isDynamic(each))]) {
      if (command.kernel.paramBytes > 0) {
        offsets.set(command, arena.addParams(command.kernel, command.params));
      }
      if (isDynamic(command)) this.#dynamicBytes = arena.used;
    }
    arena.write();
    this.#arena = arena;
    this.#dynamic = launches
      .filter(isDynamic)
      .map((command) => ({ ...command, offset: offsets.get(command) as number }));
    this.#steps = commands.map((command): Step => {
      switch (command.kind) {
        case 'dispatch': {
          const { kernel, pipeline, buffers: bound } = command;
          const params = { gpu: arena.gpu, offset: offsets.get(command) ?? 0 };
          const bindGroup = pipelines.createBindGroup(kernel, pipeline, bound, params);
          const dispatch: Dispatch = { pipeline, bindGroup, launch: command };
          return (batch) => batch.dispatch(dispatch);
        }
        case 'copy': {
          const { source, target } = command;
          const from = { gpu: source.buffer.gpu, offset: source.offset };
          const to = { gpu: target.buffer.gpu, offset: target.offset };
          return (batch) => batch.copy(from, to, command.bytes);
        }
        case 'upload': {
          const { target, data } = command;
          const from = { gpu: constants.gpu, offset: constants.offsets.get(command) ?? 0 };
          const to = { gpu: target.buffer.gpu, offset: target.offset };
          return (batch) => batch.copy(from, to, Math.ceil(data.byteLength / 4) * 4);
        }
        case 'clear': {
          const { buffer, offset, bytes: length } = command.target;
          const to = { gpu: buffer.gpu, offset };
          return (batch) => batch.clear(to, length);
        }
        default:
          return command satisfies never;
      }
    });
    this.#free = releaser(context, [arena.gpu, constants.gpu]);
    // A recording that nobody refers to any more frees itself.
    abandoned.register(this, this.#free);
  }

  replay(): void {
    const { batch } = this.#context;
    if (this.#disposed) throw disposed();
    for (const buffer of this.#outside) if (buffer.released) throw outsideReleased(buffer);
    if (!this.#fresh) for (const effect of this.#effects) effect();
    this.#fresh = false;
    for (const buffer of this.#outputs) buffer.version += 1;
    for (const { buffer, offset, bytes } of this.#written) {
      buffer.times.note(offset, bytes);
      buffer.bounds = undefined;
    }
    for (const buffer of this.#outputs) buffer.doubts = NO_DOUBTS; // all of their values are made anew
    const own = this.#places.flatMap((place) => this.#context.doubt(place) ?? []);
    passOn(
      doubtsOf(this.#outside, own),
      this.#written.map(({ buffer }) => buffer),
    );
    this.#uploadDynamic(batch);
    for (const step of this.#steps) {
      batch.reserve(0);
      step(batch);
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const buffer of this.#outputs) this.#context.pool.release(viewOf(buffer, buffer.bytes));
    this.#free();
  }

  /** Brings the parameters that are functions up to date, in order with earlier replays of the same batch. */
  #uploadDynamic(batch: CommandBatch): void {
    if (this.#dynamic.length === 0) return;
    for (const { kernel, params, offset } of this.#dynamic) this.#arena.setParams(kernel, params, offset);
    const data = this.#arena.bytes(this.#dynamicBytes);
    batch.upload(data, { gpu: this.#arena.gpu, offset: 0 });
  }
}

const abandoned = new FinalizationRegistry<() => void>((free) => free());

/**
 * Gives back what only the recording uses, once. (Made here, so that it does not refer to the recording, nor to its
 * outputs, which whoever refers to them may use for longer.)
 */
function releaser({ batch, shared }: RecordingContext, buffers: readonly GPUBuffer[]): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    batch.submit(); // replays may be pending
    for (const buffer of buffers) buffer.destroy();
    shared.leave();
  };
}

/** A buffer with the data of all uploads, and where each begins. */
function uploadConstants(gpu: GPUDevice, commands: readonly Command[]) {
  const offsets = new Map<Command, number>();
  let bytes = 0;
  for (const command of commands) {
    if (command.kind !== 'upload') continue;
    offsets.set(command, bytes);
    bytes += Math.ceil(command.data.byteLength / 4) * 4;
  }
  const buffer = gpu.createBuffer({
    size: Math.max(4, bytes),
    usage: USAGE.copySrc | USAGE.copyDst,
    label: 'constants',
    mappedAtCreation: true,
  });
  const mapped = new Uint8Array(buffer.getMappedRange());
  for (const [command, offset] of offsets) if (command.kind === 'upload') mapped.set(command.data, offset);
  buffer.unmap();
  return { gpu: buffer, offsets };
}

function outsideReleased({ label }: PooledBuffer): GpuError {
  return new GpuError(`a replay uses ${label} that were released since it was recorded`, {
    code: 'USE_AFTER_FREE',
    where: 'replay',
    fix: 'keep what a recorded function uses alive as long as the recording',
  });
}

function disposed(): GpuError {
  return new GpuError('the recording was disposed of', {
    code: 'USE_AFTER_FREE',
    where: 'replay',
    fix: 'keep the recording as long as it is replayed',
  });
}
