/** Opens the device of the Lab, and says why it is this one. */
import { type Device, MathformerError, openDevice } from 'mathformer';
import type { AdapterRecord, MachineNeed } from 'mathformer/training';
import type { AdapterChoice, AdapterInUse } from './protocol.ts';

export interface LabDevice {
  readonly device: Device;
  readonly adapter: AdapterRecord;
  readonly inUse: AdapterInUse;
}

/** Open a device. @throws MathformerError if WebGPU is asked for and the browser has none. */
export async function openLabDevice(choice: AdapterChoice, { kernels }: MachineNeed): Promise<LabDevice> {
  const hasGpu = 'gpu' in navigator && (await navigator.gpu.requestAdapter()) !== null;
  if (choice === 'webgpu' && !hasGpu) {
    const fix = 'choose the adapter wasm or auto, or allow WebGPU in the settings of the browser';
    const details = { code: 'NO_ADAPTER', where: 'adapter', fix };
    throw new MathformerError('this browser offers no WebGPU here', details);
  }
  const isWasm = choice === 'wasm' || !hasGpu;
  const device = await openDevice(isWasm ? { adapter: 'wasm' } : { kernelChoices: kernels?.choices ?? {} });
  const { name, info } = device;
  const description = info.description || name;
  return {
    device,
    adapter: { name, kind: isWasm ? 'wasm' : 'browser', description },
    inUse: { kind: isWasm ? 'wasm' : 'webgpu', description, why: isWasm ? whyWasm(choice) : WEBGPU },
  };
}

const WEBGPU = 'The browser offers WebGPU, which is the fastest.';

function whyWasm(choice: AdapterChoice): string {
  const asked = choice === 'wasm' ? 'You chose it: ' : 'This browser offers no WebGPU here: ';
  const same = 'the same kernels run on WebAssembly, with the same bits on every machine';
  if (!crossOriginIsolated) {
    return `${asked}${same}. It uses one thread, which is slower: this page is not cross-origin isolated (serve it with COOP and COEP headers for more).`;
  }
  const threads = navigator.hardwareConcurrency;
  return `${asked}${same}. It uses ${threads} ${threads === 1 ? 'thread' : 'threads'}.`;
}
