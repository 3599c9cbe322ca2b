/** The beginning of a run on the server: it is fit, the epoch is ours, and the streams are new. */
import { type JetStreamClient, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { Connected } from '../connection/connection.ts';
import { ClusterError } from '../protocol/error.ts';
import { isToken } from '../protocol/subjects.ts';
import { Bans } from '../trust/bans.ts';
import { Epoch } from './epoch.ts';
import { RunStreams } from './streams.ts';

/** Milliseconds for a request to the server. */
const REQUEST_MS = 3000;
/** The first version that has all that is used here: a compare-and-swap, direct reads, new items refused by a full stream. */
const LEAST_VERSION = [2, 9] as const;

/** A run that has begun on the server. */
export interface Begun {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly epoch: Epoch;
  readonly streams: RunStreams;
  readonly bans: Bans;
}

/** Check the server, claim the next epoch of a run, and make its streams anew. @throws ClusterError, or what a request throws. */
export async function begin({ nats }: Connected, run: string): Promise<Begun> {
  if (!isToken(run)) {
    const problem = `'${run}' cannot name a run on the server`;
    throw new ClusterError('SERVER_UNFIT', 'run', problem, 'use up to 64 letters, digits, _ and -');
  }
  checkVersion(nats.info?.version ?? '');
  const jsm = await jetstreamManager(nats, { timeout: REQUEST_MS });
  const js = jsm.jetstream();
  const epoch = await Epoch.claim(js, run);
  const bans = new Bans(run);
  await bans.load(epoch.kv);
  const streams = new RunStreams(jsm, run, epoch.number);
  await streams.begin();
  return { js, jsm, epoch, streams, bans };
}

/** @throws ClusterError (`SERVER_UNFIT`) for a server that is too old. */
function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_VERSION;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  const fix = `install nats-server ${LEAST_VERSION.join('.')} or later`;
  throw new ClusterError(
    'SERVER_UNFIT',
    'server',
    `the server is nats-server ${version}, which is too old`,
    fix,
  );
}
