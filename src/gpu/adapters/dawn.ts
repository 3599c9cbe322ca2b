/**
 * Dawn, a native implementation of WebGPU, and the adapters of the system's drivers: Vulkan on Linux, Metal on macOS, D3D12 on
 * Windows.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { AdapterError } from './error.ts';
import { withoutLines } from './libc.ts';
import { dawnComplaints, LIMIT_NOTE, missingVulkanLoader, vulkanManifests } from './vulkan.ts';

/** Options of Dawn. */
export interface DawnOptions {
  /** Dawn toggles to switch on and off, e.g. `skip_validation`. Dawn ignores names it does not know. */
  readonly enableToggles?: readonly string[];
  readonly disableToggles?: readonly string[];
  /** Let devices use matrix units, which are experimental in Dawn: for `matmulPrecision: 'medium'`. */
  readonly matrixUnits?: boolean;
}

/** An adapter, and the object that Dawn's `create` returned. */
export interface Found {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
}

interface Dawn {
  create(flags: string[]): GPU;
  readonly globals: object;
}

const NO_SUCH_ADAPTER = 'mathformer lists adapters';

const lacksVulkan = (): boolean => process.platform === 'linux' && missingVulkanLoader() !== undefined;

/** List the adapters of the system's drivers with Dawn's backend. */
export async function listSystemAdapters(): Promise<{ backend: string; name: string }[]> {
  if (lacksVulkan()) return [];
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

/** Return the first of the system's adapters that `accept` accepts: Dawn's first choice, then the others by name. */
export async function findSystem(
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
export async function openSystem(flags: readonly string[]): Promise<Found | undefined> {
  if (lacksVulkan()) return undefined;
  const gpu = await createGpu(flags);
  const adapter = await requestAdapter(gpu, { powerPreference: 'high-performance' });
  return adapter ? { gpu, adapter } : undefined;
}

/** Return the reasons why the system's drivers offer nothing better, the easiest to fix first. */
export async function systemComplaints(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const missing = missingVulkanLoader();
  if (missing !== undefined) return [`no Vulkan loader in the system: ${missing}`];
  if (vulkanManifests().length === 0) return ['no Vulkan driver (ICD) is installed'];
  return dawnComplaints(dawnUrl());
}

/** Return Dawn's flags for options. */
export function toggleFlags({ enableToggles = [], disableToggles = [], matrixUnits }: DawnOptions): string[] {
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
