/**
 * Open an adapter in Node. In order of preference: a hardware GPU through Dawn; `wasm`, the adapter of this project, which needs
 * no driver. Software drivers are opened by their names only: `wasm` is faster than they are. The environment variable
 * MATHFORMER_ADAPTER chooses like `name`.
 */
import { problemOf } from '../base/errors.ts';
import { isSoftware } from './adapterClass.ts';
import {
  type DawnOptions,
  type Found,
  findSystem,
  listSystemAdapters,
  openSystem,
  systemComplaints,
  toggleFlags,
} from './adapters/dawn.ts';
import { AdapterError } from './adapters/error.ts';
import type { WasmTraits } from './adapters/wasm/index.ts';

export { listSystemAdapters } from './adapters/dawn.ts';
export { AdapterError } from './adapters/error.ts';

/** `wasm`: an adapter of this project. The others are Dawn's. */
export type AdapterKind = 'hardware' | 'software' | 'wasm';

/** An adapter that was not chosen. */
export interface Rejection {
  readonly name: string;
  readonly reason: string;
}

export interface OpenAdapterOptions extends DawnOptions {
  /**
   * `auto` (default), `hardware`, `lavapipe`, `wasm`, `wasm-checked`, or part of an adapter's description in any case.
   * `wasm-checked` computes as `wasm` does, slowly, and reports the faults of kernels; `wasm-checked-8` has subgroups of 8 lanes,
   * and runs the kernels made for GPUs. There are 4, 8, 16, 32 and 64.
   */
  readonly name?: string;
  /** Number of threads of `wasm`, 1 to 256. Default: the environment variable MATHFORMER_THREADS, or the number of cores. */
  readonly threads?: number | undefined;
  /** Let `wasm` multiply and add with one rounding, where the engine can: faster, and other bits. Default: false. */
  readonly relaxed?: boolean | undefined;
  /** Also collect the messages of drivers that Dawn refused (0.1 s more). */
  readonly explain?: boolean;
}

export interface OpenedAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly kind: AdapterKind;
  /** Selects this adapter again when given as `name`. */
  readonly name: string;
  readonly description: string;
  /** Adapters that were not chosen, with the reasons, in order of preference. */
  readonly rejected: readonly Rejection[];
  /** Threads and rounding of `wasm`. */
  readonly wasm?: WasmTraits;
}

/**
 * Open the best adapter, or the named one. Every call returns a new adapter, since a WebGPU adapter can make only one device:
 * call it again after a lost device.
 * @throws AdapterError if none has the name, or if this Node has no WebAssembly SIMD.
 */
export async function openAdapter(options: OpenAdapterOptions = {}): Promise<OpenedAdapter> {
  const fromEnvironment = process.env.MATHFORMER_ADAPTER;
  const wanted = (options.name ?? fromEnvironment ?? '').trim() || 'auto';
  const where = options.name === undefined && fromEnvironment ? 'MATHFORMER_ADAPTER' : '--adapter';
  switch (wanted.toLowerCase()) {
    case 'auto':
      return openBest(options);
    case 'wasm':
      return openWasm(options);
    case 'hardware':
      return openFound(wanted, where, options, ({ info }) => !isSoftware(info));
    case 'lavapipe':
      return openFound(wanted, where, options, ({ info }) => isSoftware(info));
    default: {
      const checked = /^wasm-checked(?:-(4|8|16|32|64))?$/i.exec(wanted);
      if (checked) return openChecked(Number(checked[1] ?? 0));
      return openFound(wanted, where, options, ({ info }) => describes(info, wanted));
    }
  }
}

async function openBest(options: OpenAdapterOptions): Promise<OpenedAdapter> {
  const { system, refused } = await trySystem(options);
  if (system && !isSoftware(system.adapter.info)) {
    const rejected = ['wasm', 'lavapipe'].map((name) => ({ name, reason: 'not tried: a GPU is faster' }));
    return opened(system, 'hardware', rejected);
  }
  const complaints = options.explain ? await systemComplaints() : [];
  const only = system
    ? `the system's drivers offer only ${system.adapter.info.description}`
    : (refused ?? 'Dawn found no adapter');
  const rejected = [{ name: 'hardware', reason: [only, ...complaints].join('; ') }];
  const slower = { name: 'lavapipe', reason: 'not used: wasm is faster than a software driver' };
  return { ...(await openWasm(options)), rejected: system ? [...rejected, slower] : rejected };
}

/** Open Dawn's first choice, or say why Dawn cannot be used. */
async function trySystem(options: DawnOptions): Promise<{ system?: Found | undefined; refused?: string }> {
  try {
    return { system: await openSystem(toggleFlags(options)) };
  } catch (error) {
    if (error instanceof AdapterError && error.code === 'DAWN_NOT_LOADED')
      return { refused: problemOf(error) };
    throw error;
  }
}

/** Open `wasm`. Its compiler is loaded only here. */
async function openWasm(options: OpenAdapterOptions): Promise<OpenedAdapter> {
  const { openWasmInNode, WasmGpu } = await import('./adapters/wasm/node.ts');
  const { adapter, traits } = openWasmInNode(options);
  return { ...opened({ adapter, gpu: new WasmGpu(adapter) }, 'wasm', []), wasm: traits };
}

/** Open the adapter `wasm-checked`, with subgroups of `lanes` lanes unless they are 0. */
async function openChecked(lanes: number): Promise<OpenedAdapter> {
  const { openCheckedAdapter, WasmGpu } = await import('./adapters/wasm/node.ts');
  const adapter = openCheckedAdapter(lanes);
  const name = lanes > 0 ? `wasm-checked-${lanes}` : 'wasm-checked';
  return { ...opened({ adapter, gpu: new WasmGpu(adapter) }, 'wasm', []), name };
}

/** Open the first of the system's adapters that `accept` accepts. @throws AdapterError if there is none. */
async function openFound(
  wanted: string,
  where: string,
  options: DawnOptions,
  accept: (adapter: GPUAdapter) => boolean,
): Promise<OpenedAdapter> {
  const found = await findSystem(toggleFlags(options), accept);
  if (found) return opened(found, isSoftware(found.adapter.info) ? 'software' : 'hardware', []);
  const available = (await listSystemAdapters()).map(({ name }) => `'${name}'`);
  const reasons = available.length === 0 ? await systemComplaints() : [];
  const because = reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
  throw new AdapterError(
    'ADAPTER_NOT_FOUND',
    `no adapter is called '${wanted}'${because}; available: ${[...available, "'wasm'"].join(', ')}`,
    where,
    'Name one of the available ones, or part of its name, or leave the choice out.',
  );
}

function describes(info: GPUAdapterInfo, wanted: string): boolean {
  const words = [info.description, info.device, info.vendor, info.architecture];
  return words.some((word) => word.toLowerCase().includes(wanted.toLowerCase()));
}

function opened(found: Found, kind: AdapterKind, rejected: readonly Rejection[]): OpenedAdapter {
  const { description, device } = found.adapter.info;
  const name = kind === 'hardware' ? description || device : NAMES[kind];
  return { ...found, kind, name, description, rejected };
}

/** Names of adapters other than GPUs. */
const NAMES = { software: 'lavapipe', wasm: 'wasm' } as const;
