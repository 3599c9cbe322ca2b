/** The Worker that lends this tab: it connects to a server, and works for its runs until it is asked to stop. */
import { type Device, openDevice } from 'mathformer';
import { connect, deviceWorker, machineClass, type WorkerEvent } from 'mathformer/cluster';
import { plainFailure } from '../data/plainFailure.ts';
import type { LendCommand, LendEvent, LendReport, LendRequest } from './protocol.ts';

const FIX = 'Press Start to try again.';
const VERSIONS = { mathformer: __VERSION__, driver: navigator.userAgent };

const report = (message: LendReport): void => postMessage(message);
const stopping = new AbortController();

addEventListener('message', ({ data }: MessageEvent<LendCommand>) => {
  switch (data.type) {
    case 'start':
      void lend(data);
      break;
    case 'stop':
      stopping.abort();
      break;
    default:
      data satisfies never;
  }
});

/** Work until asked to stop, and say why it ended. */
async function lend(request: LendRequest): Promise<void> {
  try {
    await work(request);
    report({ type: 'ended' });
  } catch (error) {
    report({ type: 'ended', failure: plainFailure(error, FIX) });
  }
}

async function work({ server, credentials, name, adapter }: LendRequest): Promise<void> {
  let isTold = false;
  const worker = await deviceWorker({
    name,
    platform: navigator.userAgent.slice(0, 200),
    versions: VERSIONS,
    async connect() {
      const connected = await connect({ url: server, credentials, name });
      report({ type: 'connected' });
      return connected;
    },
    async open(options) {
      const device = await openDevice({ ...(adapter === 'auto' ? {} : { adapter }), ...options });
      if (!isTold) report({ type: 'device', device: await described(device) });
      isTold = true;
      return device;
    },
    on: (event) => {
      report({ type: 'event', event: plain(event) });
      if (event.type === 'item') report({ type: 'counts', counts: worker.counts });
    },
  });
  if (!stopping.signal.aborted) await worker.run({ signal: stopping.signal });
}

async function described(device: Device) {
  const { isWasm, info, name } = device;
  const description = info.description || name;
  return {
    kind: isWasm ? 'wasm' : 'webgpu',
    description,
    class: await machineClass(device, VERSIONS),
  } as const;
}

/** Return an event with its error as plain data. */
function plain(event: WorkerEvent): LendEvent {
  switch (event.type) {
    case 'unable':
      return { type: 'unable', run: event.run, name: event.name, failure: plainFailure(event.error, FIX) };
    case 'malformed':
      return { type: 'malformed', failure: plainFailure(event.error, FIX) };
    default:
      return event;
  }
}
