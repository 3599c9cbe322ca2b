/** The flags of work with other machines: where the server is, and which workers a run takes. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { oneOf, path, probability } from '../../base/options.ts';
import { type Connect, checkAddress } from '../../cluster/connection/connection.ts';
import { connectNode, NODE_PROTOCOLS } from '../../cluster/connection/node.ts';
import { ClusterError } from '../../cluster/protocol/error.ts';
import { WORKERS_MODES } from '../../cluster/protocol/spec.ts';
import type { WorkersOptions } from '../../training/workers.ts';

/** The flags of work with other machines. */
export const workersFields = {
  workers: z
    .string()
    .superRefine((url, { addIssue }) => {
      const fix = fixOfAddress(url);
      if (fix !== undefined) addIssue({ code: 'custom', message: fix });
    })
    .optional()
    .describe(
      'share rollouts with the workers at this NATS server, such as nats://HOST:4222 (docs/CLUSTER.md)',
    ),
  workersMode: oneOf(WORKERS_MODES)
    .default('same-class')
    .describe(
      "workers to take: same-class (as this machine, to the bits of a run without workers) or any (others' " +
        'log-probabilities are scored again)',
    ),
  spotChecks: probability()
    .default(0.02)
    .describe('share of the groups of completions from workers that are computed again'),
  workersCreds: path()
    .optional()
    .describe('file with the credentials for the server of workers, if it wants some'),
  workersCa: path()
    .optional()
    .describe('file with the certificate authority of the server of workers, if the system lacks it'),
};

/** The values of the flags. */
export type WorkersFlags = z.output<z.ZodObject<typeof workersFields>>;

/** Length of a run's name on the server. */
const RUN_LENGTH = 20;

/** Return the options of `withWorkers` for a run in a directory; undefined without `--workers`. */
export function workersOptions(
  { workers: url, workersMode: mode, spotChecks, workersCreds, workersCa: ca }: WorkersFlags,
  directory: string,
): WorkersOptions | undefined {
  if (url === undefined) return undefined;
  const name = resolve(directory);
  const connect: Connect = (options) => {
    const credentials = workersCreds === undefined ? undefined : readFileSync(workersCreds, 'utf8');
    return connectNode({ ...options, credentials });
  };
  return { connect, url, ca, mode, spotChecks, name, run: runName(name) };
}

/** Options for config.json: a run is resumed with the workers of that day, or without. The mode tells how its samples were made. */
export function withoutWorkers<Given extends Readonly<Record<string, unknown>>>(options: Given) {
  const {
    workers: _,
    workersCreds: __,
    workersCa: ___,
    spotChecks: ____,
    workersMode,
    ...recorded
  } = options;
  return workersMode === 'any' ? { ...recorded, workersMode } : recorded;
}

/** Return the name of the run in a directory of this machine, always the same. */
function runName(directory: string): string {
  return createHash('sha256').update(`${hostname()}\n${directory}`).digest('hex').slice(0, RUN_LENGTH);
}

/** Return what to give instead of an address that cannot be one; undefined for a good one. */
function fixOfAddress(url: string): string | undefined {
  try {
    checkAddress(url, NODE_PROTOCOLS);
    return undefined;
  } catch (error) {
    if (error instanceof ClusterError) return error.fix;
    throw error;
  }
}
