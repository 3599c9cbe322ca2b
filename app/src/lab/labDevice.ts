/** Opens the device of the Lab, and says why it is this one. */
import { type Device, openDevice } from 'mathformer';
import type { AdapterRecord, MachineNeed } from 'mathformer/training';
import type { AdapterChoice, AdapterInUse } from './protocol.ts';

export interface LabDevice {
  readonly device: Device;
  readonly adapter: AdapterRecord;
  readonly inUse: AdapterInUse;
}

/** Open a device. @throws AdapterError if WebGPU is asked for and the browser has none. */
export async function openLabDevice(choice: AdapterChoice, { kernels }: MachineNeed): Promise<LabDevice> {
  const adapter = choice === 'auto' ? {} : { adapter: choice };
  const device = await openDevice({ ...adapter, kernelChoices: kernels?.choices ?? {} });
  const { name, info, isWasm } = device;
  const description = info.description || name;
  return {
    device,
    adapter: { name, kind: isWasm ? 'wasm' : 'browser', description },
    inUse: {
      kind: isWasm ? 'wasm' : 'webgpu',
      description,
      why: isWasm ? whyWasm(choice) : whyWebGpu(choice),
    },
  };
}

const whyWebGpu = (choice: AdapterChoice): string =>
  choice === 'webgpu' ? 'You chose it.' : 'The browser offers it on a GPU, which is the fastest.';

function whyWasm(choice: AdapterChoice): string {
  const asked = choice === 'wasm' ? 'You chose it: ' : 'This browser offers no WebGPU on a GPU here: ';
  const same = 'the same kernels run on WebAssembly, with the same bits on every machine';
  if (!crossOriginIsolated) {
    return `${asked}${same}. It uses one thread, which is slower: this page is not cross-origin isolated (serve it with COOP and COEP headers for more).`;
  }
  const threads = navigator.hardwareConcurrency;
  return `${asked}${same}. It uses ${threads} ${threads === 1 ? 'thread' : 'threads'}.`;
}
