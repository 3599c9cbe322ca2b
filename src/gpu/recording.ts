/**
 * Recordings: a fixed sequence of dispatches, copies and uploads, made once and replayed. When the sequence is complete, its
 * memory is planned. A buffer made inside lives from the first to the last command that uses it. Buffers whose lives do not
 * overlap share memory, also between recordings, since replays run one after another. Only returned buffers own memory.
 */
import { GpuError } from '../base/errors.ts';
import { Arena } from './arena.ts';
import type { Bound, CommandBatch } from './batch.ts';
import {
  type BufferPlace,
  type BufferView,
  noteWrite,
  type PooledBuffer,
  placeOf,
  USAGE,
  viewOf,
} from './buffers.ts';
import type { DeviceContext } from './context.ts';
import { doubtsOf, NO_DOUBTS, passOn } from './doubts.ts';
import type { Dispatch } from './kernel.ts';
import type { Pipeline } from './pipelines.ts';
import { workOf } from './work.ts';

interface DispatchCommand {
  readonly kind: 'dispatch';
  readonly dispatch: Dispatch;
  readonly pipeline: Pipeline;
}

/** A recorded command. */
export type Command =
  | DispatchCommand
  | {
      readonly kind: 'copy';
      readonly source: BufferView;
      readonly target: BufferView;
      readonly bytes: number;
    }
  | { readonly kind: 'upload'; readonly data: Uint8Array<ArrayBuffer>; readonly target: BufferView }
  | { readonly kind: 'clear'; readonly target: BufferView };

/** A fixed sequence of commands with frozen bindings. A replay only encodes them. */
export interface Recording extends Disposable {
  readonly dispatches: number;
  /** Run the commands. The first call completes the recorded run; later calls first repeat its effects of the host. */
  replay(): void;
}

/** Return the views that a command uses. */
export function viewsOf(command: Command): readonly BufferView[] {
  switch (command.kind) {
    case 'dispatch':
      return command.dispatch.views;
    case 'copy':
      return [command.source, command.target];
    case 'upload':
    case 'clear':
      return [command.target];
    default:
      return command satisfies never;
  }
}

/** Return the views that a command writes. */
function targetsOf(command: Command): readonly BufferView[] {
  if (command.kind !== 'dispatch') return [command.target];
  const { kernel, views } = command.dispatch;
  return views.filter((_, i) => kernel.written[i]);
}

/** Return for each of these buffers the range that the commands write. */
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

export class FrozenRecording implements Recording {
  readonly dispatches: number;
  readonly #context: DeviceContext;
  readonly #steps: readonly Step[];
  readonly #effects: readonly (() => void)[];
  readonly #places: readonly number[];
  readonly #outputs: readonly PooledBuffer[];
  readonly #outside: readonly PooledBuffer[];
  /** The lasting views among those that it writes: outputs, and parts of buffers from outside. */
  readonly #written: readonly BufferView[];
  readonly #arena: Arena;
  /** Dispatches whose parameters are functions, with their offsets, at the start of the arena. */
  readonly #dynamic: readonly { readonly dispatch: Dispatch; readonly offset: number }[];
  readonly #dynamicBytes: number;
  readonly #free: () => void;
  #fresh = true;
  #disposed = false;

  constructor(
    commands: readonly Command[],
    { effects, places }: { readonly effects: readonly (() => void)[]; readonly places: readonly number[] },
    buffers: { readonly outputs: readonly PooledBuffer[]; readonly outside: readonly PooledBuffer[] },
    context: DeviceContext,
  ) {
    const { gpu, batch } = context;
    this.#context = context;
    this.#effects = effects;
    this.#places = places;
    this.#outputs = buffers.outputs;
    this.#outside = buffers.outside;
    const lasting = [...buffers.outputs, ...buffers.outside].filter(({ tracked }) => tracked);
    this.#written = writtenBy(commands, new Set(lasting));
    const dispatches = commands.flatMap((command) => (command.kind === 'dispatch' ? [command.dispatch] : []));
    this.dispatches = dispatches.length;
    const bytes = dispatches.reduce((total, { kernel }) => total + Arena.room(gpu, kernel), 0);
    const arena = new Arena(gpu, 'recording', Math.max(16, bytes));
    const constants = uploadConstants(gpu, commands);
    const offsets = new Map<Dispatch, number>();
    const place = (dispatch: Dispatch): number => {
      const { kernel, params } = dispatch;
      const offset = kernel.paramBytes > 0 ? arena.addParams(kernel, params) : 0;
      offsets.set(dispatch, offset);
      return offset;
    };
    this.#dynamic = dispatches.filter(isDynamic).map((dispatch) => ({ dispatch, offset: place(dispatch) }));
    this.#dynamicBytes = this.#dynamic.length > 0 ? arena.used : 0;
    for (const dispatch of dispatches) if (!isDynamic(dispatch)) place(dispatch);
    arena.write();
    this.#arena = arena;
    this.#steps = commands.map((command): Step => {
      switch (command.kind) {
        case 'dispatch': {
          const { dispatch } = command;
          const bound = this.#bind(command, { gpu: arena.gpu, offset: offsets.get(dispatch) ?? 0 });
          const work = Number.isFinite(batch.mostWork) ? workOf(dispatch) : 0;
          return (batch) => {
            batch.reserve(0, work);
            batch.dispatch(dispatch, bound);
          };
        }
        case 'copy': {
          const [from, to] = [placeOf(command.source), placeOf(command.target)];
          return (batch) => batch.copy(from, to, command.bytes);
        }
        case 'upload': {
          const from = { gpu: constants.gpu, offset: constants.offsets.get(command) ?? 0 };
          const to = placeOf(command.target);
          const padded = Math.ceil(command.data.byteLength / 4) * 4;
          return (batch) => batch.copy(from, to, padded);
        }
        case 'clear': {
          const to = placeOf(command.target);
          return (batch) => batch.clear(to, command.target.bytes);
        }
        default:
          return command satisfies never;
      }
    });
    this.#free = releaser(context, [arena.gpu, constants.gpu]);
    // A recording without references frees itself.
    abandoned.register(this, this.#free);
  }

  replay(): void {
    const { batch } = this.#context;
    if (this.#disposed) throw disposed();
    for (const buffer of this.#outside) if (buffer.released) throw outsideReleased(buffer);
    if (!this.#fresh) for (const effect of this.#effects) effect();
    this.#fresh = false;
    for (const buffer of this.#outputs) buffer.version += 1;
    for (const view of this.#written) noteWrite(view);
    for (const buffer of this.#outputs) buffer.doubts = NO_DOUBTS; // all their values are recomputed
    const own = this.#places.map((place) => this.#context.faults.doubt(place));
    passOn(
      doubtsOf(this.#outside, own),
      this.#written.map(({ buffer }) => buffer),
    );
    this.#uploadDynamic(batch);
    for (const step of this.#steps) step(batch);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const buffer of this.#outputs) this.#context.pool.release(viewOf(buffer, buffer.bytes));
    this.#free();
  }

  /** Bind the views of a dispatch, and its parameters. */
  #bind({ dispatch, pipeline }: DispatchCommand, params: BufferPlace): Bound {
    const { kernel, views } = dispatch;
    const { pipelines } = this.#context;
    if (pipeline.place === 'fixed' || kernel.paramBytes === 0)
      return { pipeline, bindGroup: pipelines.createBindGroup(kernel, pipeline, views, params) };
    const bindGroup = pipelines.createBindGroup(kernel, pipeline, views, { ...params, offset: 0 });
    return { pipeline, bindGroup, paramsOffset: params.offset };
  }

  /** Update the parameters that are functions, in order with earlier replays of the same batch. */
  #uploadDynamic(batch: CommandBatch): void {
    if (this.#dynamic.length === 0) return;
    for (const { dispatch, offset } of this.#dynamic) {
      this.#arena.setParams(dispatch.kernel, dispatch.params, offset);
    }
    const data = this.#arena.bytes(this.#dynamicBytes);
    batch.upload(data, { gpu: this.#arena.gpu, offset: 0 });
  }
}

const isDynamic = ({ params }: Dispatch): boolean =>
  Object.values(params).some((param) => typeof param === 'function');

const abandoned = new FinalizationRegistry<() => void>((free) => free());

/**
 * Return a function that frees what only the recording uses, once. It is made here so that it refers neither to the recording
 * nor to its outputs, which may be used for longer.
 */
function releaser({ batch, shared }: DeviceContext, buffers: readonly GPUBuffer[]): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    batch.submitNow(); // replays may be pending
    for (const buffer of buffers) buffer.destroy();
    shared.leave();
  };
}

/** Upload the data of all uploads to one buffer. Return it, and the offset of each. */
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
