/** A worker as the device's thread sees it. Node and browsers start theirs in files of their own. */
import type { FromWorker, ToWorker } from './runner.ts';

export interface Thread {
  /** Send a message. @throws DOMException if it cannot be cloned, as shared memory cannot without cross-origin isolation. */
  post(message: ToWorker): void;
  /** Let the process stay alive for this thread, or not. */
  keepAlive(stays: boolean): void;
  end(): void;
}

export interface ThreadEvents {
  message(message: FromWorker): void;
  /** The worker ended, or could not be started, for this reason. */
  failed(reason: string): void;
}

/** Start a worker that serves as a thread. */
export type StartThread = (events: ThreadEvents) => Thread;
