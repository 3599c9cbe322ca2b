/** Sends results to the server. */
import type { JetStreamClient } from '@nats-io/jetstream';
import { nuid } from '@nats-io/nats-core';
import { pause } from '../connection/pause.ts';
import type { WorkItem } from '../protocol/messages.ts';
import { type ResultFacts, resultHeaders } from '../protocol/resultHeaders.ts';
import { RunSubjects, type WorkerId } from '../protocol/subjects.ts';

/** Attempts, and milliseconds for each. Meanwhile a server may restart. */
const ATTEMPTS = 5;
const ANSWER_MS = 3000;
const RETRY_MS = 1000;

/** A result, with the item and the worker that it is of. */
export interface SentResult {
  readonly run: string;
  readonly worker: WorkerId;
  readonly item: Pick<WorkItem, 'id' | 'epoch'>;
  readonly bytes: Uint8Array;
  readonly facts: ResultFacts;
}

/** Send a result, and wait until the server has stored it. @returns false if it did not within some seconds, or before the end. */
export async function sendResult(
  js: JetStreamClient,
  { run, worker, item, bytes, facts }: SentResult,
  end: AbortSignal,
): Promise<boolean> {
  const subject = new RunSubjects(run).result(worker, item.epoch, item.id);
  // The server drops a message whose id it knows. An id that others could guess, they could use up before.
  const msgID = nuid.next();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await js.publish(subject, bytes, { msgID, headers: resultHeaders(facts), timeout: ANSWER_MS });
      return true;
    } catch {
      if (end.aborted) return false;
      await pause(RETRY_MS, end);
    }
  }
  return false;
}
