/** Facts of a result beside its bytes, as headers of its message. They serve figures and the sizes of items alone: a worker may lie. */
import { headers, type MsgHdrs } from '@nats-io/nats-core';

const SECONDS = 'Mf-Seconds';
const DELIVERIES = 'Mf-Deliveries';
/** Limits of what is believed. */
const MOST_SECONDS = 86_400;
const MOST_DELIVERIES = 1000;

/** Facts of a result. */
export interface ResultFacts {
  /** Seconds of work on the item, without the weights' transfer and waiting. */
  readonly seconds: number;
  /** Times that the server gave the item out, this one included: 1 or more. */
  readonly deliveries: number;
}

/** Return the headers of a result's message. */
export function resultHeaders({ seconds, deliveries }: ResultFacts): MsgHdrs {
  const written = headers();
  written.set(SECONDS, String(seconds));
  written.set(DELIVERIES, String(deliveries));
  return written;
}

/** Tell whether a worker wrote a message. An answer that somebody has sent to a worker's subject lacks its headers. */
export const isFromWorker = (written: MsgHdrs | undefined): boolean => written?.has(SECONDS) ?? false;

/** Read the headers of a result's message. A fact that is missing or out of range is 0 seconds, or one delivery. */
export function readResultHeaders(written: MsgHdrs | undefined): ResultFacts {
  const seconds = Number(written?.get(SECONDS) || Number.NaN);
  const deliveries = Number(written?.get(DELIVERIES) || Number.NaN);
  return {
    seconds: seconds > 0 && seconds <= MOST_SECONDS ? seconds : 0,
    deliveries:
      Number.isInteger(deliveries) && deliveries >= 1 && deliveries <= MOST_DELIVERIES ? deliveries : 1,
  };
}
