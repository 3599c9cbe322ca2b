/** Events of a worker. Names and problems may be other machines' words: untrusted. */
import type { MathformerError } from '../../base/errors.ts';
import type { Refusal } from '../protocol/messages.ts';

/** A run, by its token and by its name for people. */
export interface RunName {
  readonly run: string;
  readonly name: string;
}

/** The end of the work for a run. */
export type LeaveReason =
  /** The run is over. */
  | 'done'
  /** The run ends, and gives out no more work. */
  | 'draining'
  /** The trainer has not answered for some time. */
  | 'silent'
  /** The trainer refuses this worker now. */
  | 'refused'
  /** The run began again with another model or other kernels. */
  | 'changed'
  /** This machine failed at item after item. */
  | 'failing'
  /** This worker was asked to stop, or was idle for too long. */
  | 'stopped';

/** An event of a worker. */
export type WorkerEvent =
  /** The connection to the server is lost; it reconnects by itself. */
  | { readonly type: 'disconnected' }
  | { readonly type: 'reconnected' }
  /** It looks for a run that has work for it. */
  | { readonly type: 'waiting' }
  /** A run refuses it; told once for each run, epoch and reason. It keeps waiting. */
  | ({ readonly type: 'refused'; readonly refusal: Refusal } & RunName)
  /** A run cannot be worked for on this machine; told once for each run and epoch. It keeps waiting. */
  | ({ readonly type: 'unable'; readonly error: Error } & RunName)
  | ({ readonly type: 'joined' } & RunName)
  | ({ readonly type: 'left'; readonly reason: LeaveReason } & RunName)
  /** Weights were fetched. */
  | { readonly type: 'weights'; readonly version: number; readonly bytes: number; readonly seconds: number }
  /** An item arrived. */
  | { readonly type: 'started' }
  /** An item's result is on the server. */
  | { readonly type: 'item'; readonly tokens: number; readonly seconds: number }
  /** An item was handed back, for others to do. */
  | { readonly type: 'returned'; readonly problem: string }
  /** An item, or what came with it, is not as the protocol says. */
  | { readonly type: 'malformed'; readonly error: MathformerError }
  /** The device was lost, and is opened again. */
  | { readonly type: 'deviceLost'; readonly problem: string };

/** Hears events. It must not throw. */
export type WorkerListener = (event: WorkerEvent) => void;
