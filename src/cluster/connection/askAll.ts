/** Asks all who listen at a subject. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { z } from 'zod';
import { decodeMessage } from '../protocol/messages.ts';
import { isUnanswered } from './requestFailure.ts';

/** Milliseconds for all answers, and for the silence after the last one. */
const ANSWERS_MS = 2000;
const SILENCE_MS = 300;

/** Return the answers to a question without content. What is not as the schema says is left out. */
export async function askAll<Schema extends z.ZodType>(
  nats: NatsConnection,
  subject: string,
  schema: Schema,
  question = '',
): Promise<z.output<Schema>[]> {
  const answers: z.output<Schema>[] = [];
  try {
    const options = { strategy: 'stall', maxWait: ANSWERS_MS, stall: SILENCE_MS } as const;
    for await (const { data } of await nats.requestMany(subject, question, options)) {
      try {
        answers.push(decodeMessage(schema, data, 'an answer'));
      } catch {
        // Anybody may answer anything.
      }
    }
  } catch (error) {
    if (!isUnanswered(error)) throw error;
  }
  return answers;
}
