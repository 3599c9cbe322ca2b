/** The worker that computes with models, so that the page stays fluid. */
import { type Device, openDevice } from 'mathformer';
import { ModelOperations } from './operations.ts';
import { failureFrom, type Request, type Response } from './protocol.ts';

/** Below this number of parameters a step is done before a GPU has compiled its kernels. */
const SMALL = 2 ** 21;

const devices = new Map<boolean, Device>();

/** Small models are computed with WebAssembly, which has the same bits everywhere; others on the GPU, if there is one. */
async function deviceFor(parameters: number): Promise<Device> {
  const isSmall = parameters < SMALL;
  const known = devices.get(isSmall);
  if (known) return known;
  const device = await openDevice(isSmall ? { adapter: 'wasm' } : {});
  devices.set(isSmall, device);
  return device;
}

const operations = new ModelOperations(deviceFor);

/** Requests are worked on one after another: they share a device. */
let last: Promise<void> = Promise.resolve();

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  last = last.then(() => answer(data));
});

async function answer(request: Request): Promise<void> {
  try {
    const result = await compute(request);
    reply({ id: request.id, result }, buffersOf(result));
  } catch (error) {
    await forgetLost();
    reply({ id: request.id, failure: failureFrom(error) });
  }
}

/** Forget devices that were taken away, with their models: the next request opens others. */
async function forgetLost(): Promise<void> {
  for (const [isSmall, device] of devices) {
    if (!(await device.lost())) continue;
    devices.delete(isSmall);
    operations.forget(device);
  }
}

function compute(request: Request): Promise<unknown> {
  switch (request.name) {
    case 'open':
      return operations.open(...request.args);
    case 'vocabulary':
      return operations.vocabulary(...request.args);
    case 'tokens':
      return operations.tokens(...request.args);
    case 'attend':
      return operations.attend(...request.args);
    case 'sample':
      return operations.sample(...request.args);
    case 'practise':
      return operations.practise(...request.args);
    default:
      return request satisfies never;
  }
}

function reply(response: Response, moved: Transferable[] = []): void {
  postMessage(response, { transfer: moved });
}

/** Find large arrays, which are moved to the page instead of copied. */
function buffersOf(result: unknown): Transferable[] {
  if (typeof result !== 'object' || result === null) return [];
  const buffers = Object.values(result).map((value) => (value instanceof Float32Array ? value.buffer : null));
  return buffers.filter((buffer) => buffer instanceof ArrayBuffer);
}
