/** Reads weights from the server: chunk by chunk, several at once, and checked by their SHA-256. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { sha256 } from '../../base/sha256.ts';
import { ClusterError } from '../protocol/error.ts';
import type { PolicyManifest } from '../protocol/messages.ts';
import { RunSubjects, streamsOf } from '../protocol/subjects.ts';

/** Chunks that are under way together. */
const CHUNKS_AT_ONCE = 8;

/**
 * Read the weights of an epoch's version. @returns undefined if the server lacks a chunk.
 * @throws ClusterError (`BAD_MESSAGE`) if they are not those of the manifest; the client's error if the server does not answer.
 */
export async function readPolicy(
  jsm: JetStreamManager,
  run: string,
  epoch: number,
  manifest: PolicyManifest,
): Promise<Uint8Array | undefined> {
  const stream = streamsOf(run).policy;
  const subjects = new RunSubjects(run);
  const chunks: Uint8Array[] = [];
  let next = 0;
  let isWhole = true;
  const readOthers = async (): Promise<void> => {
    while (isWhole && next < manifest.chunks) {
      const chunk = next++;
      const subject = subjects.chunk(epoch, manifest.version, chunk);
      const message = await jsm.direct.getMessage(stream, { last_by_subj: subject });
      if (message) chunks[chunk] = message.data;
      else isWhole = false;
    }
  };
  await Promise.all(Array.from({ length: CHUNKS_AT_ONCE }, readOthers));
  return isWhole ? await joined(chunks, manifest) : undefined;
}

async function joined(chunks: readonly Uint8Array[], manifest: PolicyManifest): Promise<Uint8Array> {
  const total = chunks.reduce((sum, { length }) => sum + length, 0);
  if (total !== manifest.bytes) throw bad(`they have ${total} bytes, not ${manifest.bytes}`);
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  if ((await sha256(whole)) !== manifest.sha256) throw bad('their SHA-256 is not the one of the work item');
  return whole;
}

const bad = (problem: string): ClusterError =>
  new ClusterError(
    'BAD_MESSAGE',
    'weights',
    `the weights on the server are not valid: ${problem}`,
    'resume the run: it publishes them again',
  );
