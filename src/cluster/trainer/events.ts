/** Events of a trainer's work with other machines. Names, problems and cards are other machines' words: printable, but untrusted. */
import type { Refusal, WorkerCard } from '../protocol/messages.ts';

/** An event of a trainer's work with other machines. */
export type ClusterEvent =
  /** A worker was heard for the first time, or again after a silence. */
  | { readonly type: 'joined'; readonly worker: string; readonly card: WorkerCard }
  /** A worker has not been heard for some time. */
  | { readonly type: 'left'; readonly worker: string; readonly card: WorkerCard }
  /** A worker is refused; told once for each worker and reason. */
  | {
      readonly type: 'refused';
      readonly worker: string;
      readonly card: WorkerCard;
      readonly refusal: Refusal;
    }
  /** A result was not taken, as it is not valid. */
  | { readonly type: 'rejected'; readonly worker: string; readonly problem: string }
  /** A worker's key is banned, as it lied. */
  | { readonly type: 'banned'; readonly worker: string; readonly problem: string }
  /** The server cannot be used: the trainer works alone until it can. */
  | { readonly type: 'alone'; readonly problem: string; readonly fix: string }
  /** The server can be used again. */
  | { readonly type: 'back' };

/** Hears events. It must not throw. */
export type ClusterListener = (event: ClusterEvent) => void;
