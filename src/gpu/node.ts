/**
 * Open a WebGPU adapter in Node through Dawn: a hardware GPU if there is one, otherwise the system's software Vulkan
 * (lavapipe), otherwise the embedded SwiftShader. On macOS (Metal) and Windows (D3D12) only Dawn's native backend is used.
 * The adapter of this project, `wasm`, needs no Dawn; it is opened by its name. The environment variable MATHFORMER_ADAPTER
 * chooses like `name`.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { problemOf } from '../base/errors.ts';
import { isEmbeddedDriverSupported, unpackEmbeddedDriver } from './adapters/embedded.ts';
import { AdapterError } from './adapters/error.ts';
import { withoutLines } from './adapters/libc.ts';
import {
  dawnComplaints,
  ensureVulkanLoader,
  LIMIT_NOTE,
  vulkanManifests,
  withVulkanDriver,
} from './adapters/vulkan.ts';
import type { WasmTraits } from './adapters/wasm/index.ts';
import { isSoftware } from './waiting.ts';

export { AdapterError } from './adapters/error.ts';

/** `wasm`: an adapter of this project. The others are Dawn's. */
export type AdapterKind = 'hardware' | 'software' | 'embedded' | 'wasm';

export interface Rejection {
  readonly name: string;
  readonly reason: string;
}

export interface OpenAdapterOptions {
  /**
   * `auto` (default), `hardware`, `lavapipe`, `swiftshader`, `wasm`, `wasm-checked`, or part of an adapter's description in any
   * case. `wasm-checked` computes as `wasm` does, slowly, and reports the faults of kernels.
   */
  readonly name?: string;
  /** Number of threads of `wasm`, 1 to 256. Default: the environment variable MATHFORMER_THREADS, or the number of cores. */
  readonly threads?: number | undefined;
  /** Let `wasm` multiply and add with one rounding, where the engine can: faster, and other bits. Default: false. */
  readonly relaxed?: boolean | undefined;
  /** Dawn toggles to switch on and off, e.g. `skip_validation`. Dawn ignores names it does not know. */
  readonly enableToggles?: readonly string[];
  readonly disableToggles?: readonly string[];
  /** Let devices use matrix units, which are experimental in Dawn: for `matmulPrecision: 'medium'`. */
  readonly matrixUnits?: boolean;
  /** Also collect Dawn's messages on refused drivers if another one was accepted (0.1 s more). */
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
  /** What `wasm` computes with. */
  readonly wasm?: WasmTraits;
}

/**
 * Open the best adapter, or the named one. Every call returns a new adapter, since a WebGPU adapter can make only one device:
 * call it again after a lost device.
 * @throws AdapterError if Dawn does not load, if no adapter is usable, or if none has the name.
 */
export async function openAdapter(options: OpenAdapterOptions = {}): Promise<OpenedAdapter> {
  const fromEnvironment = process.env.MATHFORMER_ADAPTER;
  const wanted = (options.name ?? fromEnvironment ?? '').trim() || 'auto';
  const where = options.name === undefined && fromEnvironment ? 'MATHFORMER_ADAPTER' : '--adapter';
  const toggles = toggleFlags(options);
  switch (wanted.toLowerCase()) {
    case 'auto':
      return openBest(toggles, options.explain ?? false);
    case 'hardware': {
      const found = await findSystem(toggles, ({ info }) => !isSoftware(info));
      if (found) return opened(found, 'hardware', []);
      throw await notFound(wanted, where);
    }
    case 'lavapipe': {
      const found = await findSystem(toggles, ({ info }) => isSoftware(info));
      if (found) return opened(found, 'software', []);
      throw await notFound(wanted, where);
    }
    case 'swiftshader': {
      const found = await openEmbedded(toggles);
      if ('adapter' in found) return opened(found, 'embedded', []);
      throw await notFound(wanted, where, found);
    }
    case 'wasm':
      return openWasm(options);
    case 'wasm-checked':
      return openChecked();
    default:
      return openByDescription(wanted, where, toggles);
  }
}

/** List the adapters of the system's drivers (without the embedded one), with Dawn's backend. */
export async function listSystemAdapters(): Promise<{ backend: string; name: string }[]> {
  if (process.platform === 'linux' && ensureVulkanLoader().from === 'none') return [];
  const { create } = await loadDawn();
  try {
    // WebGPU has no call that lists adapters, but Dawn lists them when a requested one does not exist.
    await requestAdapter(create([`adapter=${NO_SUCH_ADAPTER}`]));
  } catch (error) {
    const lines = String(error).matchAll(/backend: '([^']*)', name: '([^\n]*)'$/gm);
    return [...lines].map(([, backend = '', name = '']) => ({ backend, name }));
  }
  return [];
}

/**
 * The Vulkan loader reads the environment of the process. A worker thread can change it only through `libc`: its
 * `process.env` is a copy.
 */
const UNSEEN =
  'the Vulkan loader did not see VK_DRIVER_FILES: in a worker thread the package koffi has to be installed, or the worker ' +
  'started with { env: SHARE_ENV }; a process of its own, such as a fork, needs neither';

interface Found {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
}

interface Dawn {
  create(flags: string[]): GPU;
  readonly globals: object;
}

/** The command that advises what to install, in a checkout or in an installed package. */
const DOCTOR = import.meta.url.endsWith('.ts') ? 'npm run doctor' : 'npx mathformer-doctor';
const NO_SUCH_ADAPTER = 'mathformer lists adapters';

async function openBest(toggles: readonly string[], explain: boolean): Promise<OpenedAdapter> {
  const rejected: Rejection[] = [];
  const system = await openSystem(toggles);
  if (system && !isSoftware(system.adapter.info)) {
    const reason = 'not tried: a hardware GPU is faster';
    return opened(system, 'hardware', [
      { name: 'lavapipe', reason },
      { name: 'swiftshader', reason },
    ]);
  }
  if (system) {
    const complaints = explain ? await systemComplaints() : [];
    const only = `the system's drivers offer only ${system.adapter.info.description}`;
    rejected.push({ name: 'hardware', reason: [only, ...complaints].join('; ') });
    rejected.push({ name: 'swiftshader', reason: "not tried: the system's software driver is faster" });
    return opened(system, 'software', rejected);
  }
  const refused = (await systemComplaints()).join('; ') || 'Dawn found no adapter and gave no reason';
  rejected.push({ name: 'hardware', reason: refused }, { name: 'lavapipe', reason: refused });
  const embedded = await openEmbedded(toggles);
  if ('adapter' in embedded) return opened(embedded, 'embedded', rejected);
  rejected.push(embedded);
  throw new AdapterError(
    'NO_ADAPTER',
    `there is no usable GPU or software driver: ${rejected.map(({ name, reason }) => `${name}: ${reason}`).join('; ')}`,
    'openAdapter',
    `Run \`${DOCTOR}\` to see what to install.`,
  );
}

/** Open the adapter `wasm`. Its compiler is loaded only here. */
async function openWasm(options: OpenAdapterOptions): Promise<OpenedAdapter> {
  const { openWasmInNode, WasmGpu } = await import('./adapters/wasm/node.ts');
  const { adapter, traits } = openWasmInNode(options);
  return { ...opened({ adapter, gpu: new WasmGpu(adapter) }, 'wasm', []), wasm: traits };
}

async function openChecked(): Promise<OpenedAdapter> {
  const { openCheckedAdapter, WasmGpu } = await import('./adapters/wasm/node.ts');
  const adapter = openCheckedAdapter();
  return { ...opened({ adapter, gpu: new WasmGpu(adapter) }, 'wasm', []), name: 'wasm-checked' };
}

async function openByDescription(
  wanted: string,
  where: string,
  toggles: readonly string[],
): Promise<OpenedAdapter> {
  const found = await findSystem(toggles, ({ info }) => describes(info, wanted));
  if (found) return opened(found, isSoftware(found.adapter.info) ? 'software' : 'hardware', []);
  const embedded = await openEmbedded(toggles);
  if ('adapter' in embedded && describes(embedded.adapter.info, wanted)) {
    return opened(embedded, 'embedded', []);
  }
  throw await notFound(wanted, where);
}

function describes(info: GPUAdapterInfo, wanted: string): boolean {
  const words = [info.description, info.device, info.vendor, info.architecture];
  return words.some((word) => word.toLowerCase().includes(wanted.toLowerCase()));
}

/** Return the first of the system's adapters that `accept` accepts: Dawn's first choice, then the others by name. */
async function findSystem(
  toggles: readonly string[],
  accept: (adapter: GPUAdapter) => boolean,
): Promise<Found | undefined> {
  const first = await openSystem(toggles);
  if (first === undefined || accept(first.adapter)) return first;
  for (const { name } of await listSystemAdapters()) {
    const found = await openSystem([...toggles, `adapter=${name}`]);
    if (found && accept(found.adapter)) return found;
  }
  return undefined;
}

/**
 * Open Dawn's first choice of the system's adapters: discrete GPUs before integrated ones before the CPU.
 * `forceFallbackAdapter` does not find lavapipe: for Dawn it means a SwiftShader beside dawn.node.
 */
async function openSystem(flags: readonly string[]): Promise<Found | undefined> {
  if (process.platform === 'linux' && ensureVulkanLoader().from === 'none') return undefined;
  const gpu = await createGpu(flags);
  const adapter = await requestAdapter(gpu, { powerPreference: 'high-performance' });
  return adapter ? { gpu, adapter } : undefined;
}

async function openEmbedded(flags: readonly string[]): Promise<Found | Rejection> {
  const name = 'swiftshader';
  if (!isEmbeddedDriverSupported())
    return { name, reason: 'the embedded driver is built for Linux x64 only' };
  try {
    const loader = ensureVulkanLoader();
    if (loader.from === 'none') return { name, reason: loader.missing ?? 'no Vulkan loader' };
    const { manifest } = unpackEmbeddedDriver();
    const { create } = await loadDawn();
    const { gpu, request } = withVulkanDriver(manifest, () => {
      const gpu = keepAlive(create([...flags]));
      return { gpu, request: requestAdapter(gpu) };
    });
    const adapter = await request;
    if (!adapter) return { name, reason: isMainThread ? 'Dawn refused the embedded driver' : UNSEEN };
    return /swiftshader/i.test(adapter.info.description) ? { gpu, adapter } : { name, reason: UNSEEN };
  } catch (error) {
    if (error instanceof AdapterError && error.code === 'DRIVER_NOT_UNPACKED') {
      return { name, reason: problemOf(error) };
    }
    throw error;
  }
}

function opened(found: Found, kind: AdapterKind, rejected: readonly Rejection[]): OpenedAdapter {
  const { description, device } = found.adapter.info;
  const name = kind === 'hardware' ? description || device : NAMES[kind];
  return { ...found, kind, name, description, rejected };
}

/** Names of adapters other than GPUs. */
const NAMES = { software: 'lavapipe', embedded: 'swiftshader', wasm: 'wasm' } as const;

/** Return the reasons why the system's drivers offer nothing better, the easiest to fix first. */
async function systemComplaints(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const loader = ensureVulkanLoader();
  const noLoader = loader.missing === undefined ? [] : [`no Vulkan loader in the system: ${loader.missing}`];
  if (loader.from === 'none') return noLoader;
  if (vulkanManifests().length === 0) return [...noLoader, 'no Vulkan driver (ICD) is installed'];
  return [...noLoader, ...(await dawnComplaints(dawnUrl(), loader))];
}

async function notFound(wanted: string, where: string, rejection?: Rejection): Promise<AdapterError> {
  const available = (await listSystemAdapters()).map(({ name }) => `'${name}'`);
  const reasons = available.length === 0 ? await systemComplaints() : [];
  if (rejection) reasons.unshift(rejection.reason);
  else if (isEmbeddedDriverSupported()) available.push("'swiftshader' (embedded)");
  available.push("'wasm'");
  const because = reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
  return new AdapterError(
    'ADAPTER_NOT_FOUND',
    `no adapter is called '${wanted}'${because}; available: ${available.join(', ')}`,
    where,
    'Name one of the available ones, or part of its name, or leave the choice out.',
  );
}

function toggleFlags({ enableToggles = [], disableToggles = [], matrixUnits }: OpenAdapterOptions): string[] {
  const enabled = [...enableToggles, ...(matrixUnits ? ['allow_unsafe_apis'] : [])];
  return [
    ...(enabled.length > 0 ? [`enable-dawn-features=${enabled.join(',')}`] : []),
    ...(disableToggles.length > 0 ? [`disable-dawn-features=${disableToggles.join(',')}`] : []),
  ];
}

/**
 * Dawn crashes at exit if the object that `create` returned is collected before its adapters, devices and their buffers
 * (destroyed or not). So it is kept as long as the process. It does not keep the event loop alive: the process still exits.
 */
const alive: GPU[] = [];

function keepAlive(gpu: GPU): GPU {
  alive.push(gpu);
  return gpu;
}

/** Call `gpu.requestAdapter` without Dawn's notes about limits, which it writes before it returns the promise. */
function requestAdapter(gpu: GPU, options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
  return withoutLines(LIMIT_NOTE, () => gpu.requestAdapter(options));
}

async function createGpu(flags: readonly string[]): Promise<GPU> {
  const { create } = await loadDawn();
  return keepAlive(create([...flags]));
}

function dawnUrl(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('webgpu')).href;
}

/** Load Dawn, and define WebGPU's constants (GPUBufferUsage, GPUMapMode, …) on globalThis, as in a browser. */
async function loadDawn(): Promise<Dawn> {
  try {
    const dawn: Dawn = await import('webgpu');
    for (const [name, value] of Object.entries(dawn.globals)) {
      if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true });
    }
    return dawn;
  } catch (error) {
    throw new AdapterError(
      'DAWN_NOT_LOADED',
      `Dawn does not load: ${error instanceof Error ? error.message : String(error)}`,
      `webgpu on ${process.platform}-${process.arch}`,
      'Run `npm ci`; on Linux glibc 2.36 or newer is needed (Debian 12, Ubuntu 24.04).',
    );
  }
}
