/** Messages between the page that lends the tab and the Worker that works. All are plain data. */
import type { Refusal, RunName, WorkerCounts, WorkerEvent } from 'mathformer/cluster';
import type { PlainFailure } from '../data/plainFailure.ts';
import type { AdapterChoice } from '../lab/protocol.ts';

/** A server to work for. */
export interface LendRequest {
  /** Its address for WebSockets. */
  readonly server: string;
  /** Content of a credentials file; undefined where the server takes anybody. */
  readonly credentials: string | undefined;
  /** The name of this tab for the owner of the training. */
  readonly name: string;
  readonly adapter: AdapterChoice;
}

/** A request of the page. */
export type LendCommand =
  | ({ readonly type: 'start' } & LendRequest)
  /** Finish the item at hand, or hand it back, and end. */
  | { readonly type: 'stop' };

/** The device that works. */
export interface LentDevice {
  readonly kind: 'webgpu' | 'wasm';
  readonly description: string;
  /** Machines of one class compute the same bits. */
  readonly class: string;
}

/** An event of the worker, whose errors are plain data. */
export type LendEvent =
  | Exclude<WorkerEvent, { readonly type: 'unable' | 'malformed' }>
  | ({ readonly type: 'unable'; readonly failure: PlainFailure } & RunName)
  | { readonly type: 'malformed'; readonly failure: PlainFailure };

/** A message of the Worker. */
export type LendReport =
  | { readonly type: 'device'; readonly device: LentDevice }
  | { readonly type: 'connected' }
  | { readonly type: 'event'; readonly event: LendEvent }
  | { readonly type: 'counts'; readonly counts: WorkerCounts }
  /** The worker has ended: when asked to, or by a failure. */
  | { readonly type: 'ended'; readonly failure?: PlainFailure | undefined };

export type { Refusal, RunName, WorkerCounts };
