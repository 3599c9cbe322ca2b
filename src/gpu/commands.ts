/**
 * The path of a device's commands from its user to a sink, which encodes them at once or records them. Common work is done
 * here: check that views are live, notify the watcher of reads, and note writes.
 */
import { GpuError } from '../base/errors.ts';
import { type BufferView, noteWrite, type PooledBuffer } from './buffers.ts';
import { type Dispatch, dispatchOf, type Launch } from './kernel.ts';

/** A sink of checked commands. */
export interface CommandSink {
  /** Identifies the recording that the commands belong to; undefined where they run at once. */
  readonly recording: object | undefined;
  allocate(bytes: number, label?: string): BufferView;
  dispatch(dispatch: Dispatch): void;
  copy(source: BufferView, target: BufferView, bytes: number): void;
  upload(data: ArrayBufferView<ArrayBuffer>, target: BufferView): void;
  clear(target: BufferView): void;
  /** Note that the last dispatch checks, at a place in the list of faults, the values in `buffer` or them as indices. */
  check(place: number, buffer: PooledBuffer, use: CheckedUse): void;
  /** Repeat an effect of the host before every replay of the commands. */
  beforeReplays(effect: () => void): void;
}

/** The values that a fault affects: the checked values themselves, or results that use them as indices. */
export type CheckedUse = 'value' | 'index';

/** Called with each view that a command is about to read, and its name among the command's bindings. */
export type ReadWatcher = (view: BufferView, name: string) => void;

/** Check commands, and pass them to the current sink. */
export class Commands {
  readonly #immediate: CommandSink;
  readonly #mostWorkgroups: number;
  #sink: CommandSink;
  #onRead: ReadWatcher | undefined;

  constructor(immediate: CommandSink, mostWorkgroups: number) {
    this.#immediate = immediate;
    this.#sink = immediate;
    this.#mostWorkgroups = mostWorkgroups;
  }

  /** The sink that takes commands now. */
  get sink(): CommandSink {
    return this.#sink;
  }

  launch(launch: Launch): void {
    const dispatch = dispatchOf(launch);
    const { kernel, views, workgroups } = dispatch;
    const [x, y = 1, z = 1] = workgroups;
    if (x * y * z === 0) return;
    const most = this.#mostWorkgroups;
    if (x > most || y > most || z > most) throw gridTooLarge(kernel.name, [x, y, z], most);
    views.forEach(({ buffer }, i) => {
      if (buffer.released) throw released(kernel.name, `the buffer bound as '${kernel.bufferNames[i]}'`);
    });
    for (const view of views) completePostponed(view);
    views.forEach((view, i) => {
      if (kernel.written[i]) noteWrite(view);
      else this.#onRead?.(view, kernel.bufferNames[i] ?? '');
    });
    this.#sink.dispatch(dispatch);
  }

  upload(view: BufferView, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = data.byteLength;
    if (bytes === 0) return;
    assertLive(view, 'upload');
    if (bytes > view.bytes) throw new RangeError(`upload of ${bytes} bytes into a view of ${view.bytes}`);
    const target = { ...view, bytes };
    completePostponed(target);
    noteWrite(target);
    this.#sink.upload(data, target);
  }

  clear(view: BufferView): void {
    assertLive(view, 'clear');
    completePostponed(view);
    noteWrite(view);
    this.#sink.clear(view);
  }

  copy(source: BufferView, target: BufferView, bytes: number): void {
    for (const view of [source, target]) assertLive(view, 'copy');
    if (bytes > Math.min(source.bytes, target.bytes)) {
      throw new RangeError(
        `a copy of ${bytes} bytes from a view of ${source.bytes} to one of ${target.bytes}`,
      );
    }
    for (const view of [source, target]) completePostponed({ ...view, bytes });
    this.#onRead?.({ ...source, bytes }, 'source');
    noteWrite({ ...target, bytes });
    this.#sink.copy(source, target, bytes);
  }

  onRun(effect: () => void): void {
    this.#sink.beforeReplays(effect);
    this.outsideRecording(effect);
  }

  /** Run `body` with `sink` in place of the current one. */
  into<Result>(sink: CommandSink, body: () => Result): Result {
    const outer = this.#sink;
    this.#sink = sink;
    try {
      return body();
    } finally {
      this.#sink = outer;
    }
  }

  outsideRecording<Result>(body: () => Result): Result {
    return this.into(this.#immediate, body);
  }

  watchReads<Result>(onRead: ReadWatcher | undefined, body: () => Result): Result {
    const outer = this.#onRead;
    this.#onRead = onRead;
    try {
      return body();
    } finally {
      this.#onRead = outer;
    }
  }

  /** @throws GpuError inside a recording. */
  refuseInRecording(): void {
    if (!this.#sink.recording) return;
    throw new GpuError('reads, replays and other recordings are not possible inside a recording', {
      code: 'NOT_RECORDABLE',
      where: 'record',
      fix: 'move them out of the recorded function',
    });
  }
}

/** Encode the postponed changes of a view before a command that uses it. */
function completePostponed(view: BufferView): void {
  const { postponed } = view.buffer;
  if (postponed?.affect(view)) postponed.complete();
}

/** @throws GpuError if the memory of `view` was released. */
export function assertLive(view: BufferView, where: string, what = 'the buffer'): void {
  if (view.buffer.released) throw released(where, what);
}

const released = (where: string, what: string): GpuError =>
  new GpuError(`${where}: ${what} was already released`, {
    code: 'USE_AFTER_FREE',
    where,
    fix: 'keep the tensor in an enclosing scope while it is in use',
  });

const gridTooLarge = (where: string, workgroups: readonly number[], most: number): GpuError =>
  new GpuError(`${where}: ${workgroups.join(' × ')} workgroups, of ${most} along a dimension at most`, {
    code: 'GRID_TOO_LARGE',
    where,
    fix: 'use smaller tensors, or launch the kernel on a linearGrid',
  });
