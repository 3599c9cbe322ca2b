/**
 * The tuner's choices for later processes: one JSON file for each adapter below `$XDG_CACHE_HOME/mathformer/kernels` (or
 * ~/.cache). Damaged or outdated files count as missing.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isSoftware, isWebAssembly } from '../gpu/adapterClass.ts';
import { cacheDirectories, type Environment } from '../gpu/adapters/userDirectories.ts';
import type { MatmulPrecision } from '../gpu/device.ts';
import { adapterTraits, type KernelChoices } from '../gpu/kernelChoices.ts';
import { choicesSchema } from '../training/runConfig.ts';
import { writeAtomically } from './atomicFile.ts';
import { withFileErrors } from './fileError.ts';
import { cpuModel, webgpuVersion } from './provenance.ts';

/** Version of the file's format. */
const VERSION = 1;

const fileSchema = z.object({
  version: z.literal(VERSION),
  adapter: z.record(z.string(), z.unknown()),
  /** Descriptions of the tuned models. */
  models: z.array(z.string()),
  choices: choicesSchema,
});

/** The saved choices for an adapter. */
export type TunedKernels = Readonly<Pick<z.output<typeof fileSchema>, 'models' | 'choices'>>;

/** Return the conditions of a measurement: another driver, Dawn, feature set or CPU may prefer other kernels. */
export function adapterIdentity(
  adapter: Pick<GPUAdapter, 'info' | 'features'>,
  matmulPrecision: MatmulPrecision,
): Record<string, unknown> {
  return {
    ...adapterTraits(adapter.info),
    matmulPrecision,
    ...(isSoftware(adapter.info) || isWebAssembly(adapter.info) ? { cpu: cpuModel() } : {}),
    features: [...adapter.features].sort(),
    webgpu: webgpuVersion(),
  };
}

/** Return the path of the choices for an adapter. */
export function tunedKernelsPath(
  identity: Readonly<Record<string, unknown>>,
  env: Environment = process.env,
): string {
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16);
  const [cache = ''] = cacheDirectories(env);
  return join(cache, 'kernels', `${hash}.json`);
}

/** Read the choices at `path`; empty if there are none. */
export function readTunedKernels(path: string): TunedKernels {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return { models: [], choices: {} };
  }
}

/** Add choices to those at `path`, and return all of them. @throws FileError */
export function addTunedKernels(
  path: string,
  adapter: Readonly<Record<string, unknown>>,
  { models, choices }: TunedKernels,
): TunedKernels {
  const before = readTunedKernels(path);
  const kept = {
    models: [...new Set([...before.models, ...models])],
    choices: { ...before.choices, ...choices },
  };
  withFileErrors(path, () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
  writeAtomically(path, `${JSON.stringify({ version: VERSION, adapter, ...kept }, null, 2)}\n`);
  return kept;
}

/** Return the choices kept below `~/.cache/mathformer` for this adapter, for `DeviceOptions.kernelChoices`. */
export async function keptKernelChoices(
  adapter: Pick<GPUAdapter, 'info' | 'features'>,
  matmulPrecision: MatmulPrecision = 'highest',
): Promise<KernelChoices> {
  return readTunedKernels(tunedKernelsPath(adapterIdentity(adapter, matmulPrecision))).choices;
}

/** Add choices, such as `choicesOf(await tune(…))`, to those kept for this adapter. @throws FileError */
export async function keepKernelChoices(
  adapter: Pick<GPUAdapter, 'info' | 'features'>,
  choices: KernelChoices,
  matmulPrecision: MatmulPrecision = 'highest',
): Promise<void> {
  const identity = adapterIdentity(adapter, matmulPrecision);
  addTunedKernels(tunedKernelsPath(identity), identity, { models: [], choices });
}
