/** The sink that encodes commands at once, into the batch of the next submission. */
import { type BufferView, type PooledBuffer, placeOf } from './buffers.ts';
import type { CheckedUse, CommandSink } from './commands.ts';
import type { DeviceContext } from './context.ts';
import { doubtsOf, NO_DOUBTS, passOn, withoutDispelled } from './doubts.ts';
import type { Dispatch } from './kernel.ts';
import { workOf } from './work.ts';

export class ImmediateSink implements CommandSink {
  readonly recording = undefined;
  readonly #context: DeviceContext;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  allocate(bytes: number, label?: string, persistent = false): BufferView {
    const view = this.#context.pool.allocate(bytes, label, persistent);
    this.#context.poison?.fill(view);
    return view;
  }

  dispatch(dispatch: Dispatch): void {
    const { kernel, views, params } = dispatch;
    const { pipelines, batch } = this.#context;
    const pipeline = pipelines.pipeline(kernel, 'dynamic');
    const doubts = doubtsOf(views.map(({ buffer }) => buffer));
    if (doubts.size > 0) {
      const targets = views.filter((_, i) => kernel.written[i]).map(({ buffer }) => buffer);
      passOn(
        doubts,
        targets.filter(({ tracked }) => tracked),
      );
    }
    batch.reserve(kernel.paramBytes, Number.isFinite(batch.mostWork) ? workOf(dispatch) : 0);
    const bindGroup = pipelines.bindGroup(kernel, pipeline, views, batch.arena.gpu);
    const paramsOffset = kernel.paramBytes > 0 ? batch.arena.addParams(kernel, params) : undefined;
    batch.dispatch(dispatch, { pipeline, bindGroup, paramsOffset });
  }

  copy(source: BufferView, target: BufferView, bytes: number): void {
    passOn(doubtsOf([source.buffer]), [target.buffer]);
    this.#context.batch.copy(placeOf(source), placeOf(target), bytes);
  }

  upload(data: ArrayBufferView<ArrayBuffer>, target: BufferView): void {
    forgetDoubts(target);
    this.#context.batch.upload(data, placeOf(target));
  }

  clear(target: BufferView): void {
    forgetDoubts(target);
    this.#context.batch.clear(placeOf(target), target.bytes);
  }

  check(place: number, buffer: PooledBuffer, use: CheckedUse): void {
    const own = new Set([this.#context.faults.doubt(place)]);
    if (use === 'value') passOn(own, [buffer]);
    else buffer.doubtsAsIndex = withoutDispelled(buffer.doubtsAsIndex, own);
  }

  beforeReplays(): void {}
}

/** Drop the doubts about a buffer if all its values are replaced. */
function forgetDoubts({ buffer, offset, bytes }: BufferView): void {
  if (offset === 0 && bytes >= buffer.used) buffer.doubts = NO_DOUBTS;
}
