/**
 * `doctor`: report the adapter that mathformer uses on this machine, the reason, and a way to a faster one.
 * Exit code 0 if an adapter computes correctly, 1 if none does. `doctor --workers URL` reports a server instead: 0 if one can
 * work there.
 */
import { readFileSync } from 'node:fs';
import { arch, availableParallelism } from 'node:os';
import { Command } from 'commander';
import { z } from 'zod';
import { problemOf } from '../../base/errors.ts';
import { BadOptionError, path } from '../../base/options.ts';
import { connectNode } from '../../cluster/connection/node.ts';
import type { AdapterOptions } from '../../gpu/adapterOptions.ts';
import { hasRelaxedSimd, hasSharedMemory } from '../../gpu/adapters/wasm/support.ts';
import {
  AdapterError,
  listSystemAdapters,
  type OpenedAdapter,
  openAdapter,
  type Rejection,
} from '../../gpu/node.ts';
import { cpuModel, webgpuVersion } from '../../runs/provenance.ts';
import { outputSchema } from '../../training/commandOptions.ts';
import { clusterReportText } from '../cluster/clusterReportText.ts';
import { examineCluster } from '../cluster/examineCluster.ts';
import { throwing } from '../failure.ts';
import { addFlags, readFlags } from '../flags/flags.ts';
import { workersFields } from '../flags/workersFlags.ts';
import { Reporter } from '../reporter.ts';
import { fasterAdapterAdvice, inspectMachine } from './doctorAdvice.ts';

/** The limits that decide which kernel variants fit, and how large a tensor may be. Bytes unless they are counts. */
const LIMITS = [
  'maxStorageBuffersPerShaderStage',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
  'minUniformBufferOffsetAlignment',
  'minStorageBufferOffsetAlignment',
] as const;

export interface WasmReport {
  readonly threads: number;
  readonly sharedMemory: boolean;
  /** True if it uses relaxed multiply-adds, and if this version of Node has them. */
  readonly relaxed: boolean;
  readonly hasRelaxed: boolean;
}

export interface AdapterReport
  extends Pick<OpenedAdapter, 'name' | 'kind' | 'description'>,
    Pick<GPUAdapterInfo, 'vendor' | 'architecture'> {
  readonly backend: string;
  readonly features: readonly string[];
  readonly subgroupSizes: { readonly min: number; readonly max: number } | null;
  readonly limits: Readonly<Record<string, number>>;
  readonly openMilliseconds: number;
  /** Threads and rounding of the adapter `wasm`; null for others. */
  readonly wasm: WasmReport | null;
  /** True if a small dispatch gave the right numbers. */
  readonly computes: boolean;
}

export interface DoctorReport {
  readonly usable: boolean;
  readonly node: string;
  /** Version of the npm package `webgpu`, which carries Dawn. */
  readonly webgpu: string;
  readonly platform: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly adapter: AdapterReport | null;
  /** Every adapter that the system's drivers offer, as Dawn names them. */
  readonly systemAdapters: readonly string[];
  readonly why: string;
  readonly rejected: readonly Rejection[];
  readonly error: Readonly<Record<'code' | 'message' | 'where' | 'fix', string>> | null;
  readonly advice: readonly string[];
}

/** Examine the machine. Without a usable adapter nothing is thrown: `error` and `usable` say so. */
export async function examine({
  adapter: name,
  threads,
  relaxed,
}: AdapterOptions = {}): Promise<DoctorReport> {
  const machine = inspectMachine();
  const about = {
    node: process.version,
    webgpu: webgpuVersion(),
    platform: `${process.platform}-${arch()}`,
    cpu: { model: cpuModel(), cores: availableParallelism() },
  };
  try {
    const start = performance.now();
    const choice = { ...(name === undefined ? {} : { name }), threads, relaxed };
    await openAdapter(choice);
    const openMilliseconds = Math.round(performance.now() - start);
    // Again for the reasons: collecting them takes time that a training run does not spend.
    const opened = await openAdapter({ explain: true, ...choice });
    const system = opened.kind === 'wasm' ? [] : await listSystemAdapters();
    const adapter = await reportAdapter(opened, backendOf(opened, system), openMilliseconds);
    return {
      usable: adapter.computes,
      ...about,
      adapter,
      systemAdapters: system.map((each) => each.name),
      why: whyChosen(opened, name),
      rejected: opened.rejected,
      error: null,
      advice: fasterAdapterAdvice(opened.kind, machine),
    };
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    const { code, where, fix } = error;
    return {
      usable: false,
      ...about,
      adapter: null,
      systemAdapters: [],
      why: 'no adapter can be used',
      rejected: [],
      error: { code, message: problemOf(error), where, fix },
      advice:
        code === 'ADAPTER_NOT_FOUND' || code === 'BAD_THREADS' ? [] : fasterAdapterAdvice('none', machine),
    };
  }
}

/** Format the report as text. */
export function format(report: DoctorReport): string {
  const { adapter } = report;
  const lines = [
    `Node      ${report.node}, webgpu (Dawn) ${report.webgpu}, ${report.platform}`,
    `CPU       ${report.cpu.model}, ${report.cpu.cores} cores`,
  ];
  if (adapter) {
    const { subgroupSizes: sizes } = adapter;
    lines.push(
      `Adapter   ${adapter.name} (${adapter.kind}, ${adapter.backend}): ${adapter.description}`,
      `          opened in ${adapter.openMilliseconds} ms; ${adapter.computes ? 'computes correctly' : 'COMPUTES WRONG NUMBERS'}`,
      `Why       ${report.why}`,
      ...(adapter.wasm ? [wasmText(adapter.wasm, report.cpu.cores)] : []),
      `Subgroups ${sizes ? `${sizes.min} to ${sizes.max} wide` : 'none'}`,
      `Features  ${adapter.features.join(', ')}`,
      'Limits',
      ...Object.entries(adapter.limits).map(([name, value]) => `  ${name.padEnd(34)} ${value}`),
    );
  }
  if (report.error) {
    const { code, message, where, fix } = report.error;
    lines.push(`Error     ${code} (${where}): ${message}`, `Fix       ${fix}`);
  }
  if (report.systemAdapters.length > 0) lines.push(`System    ${report.systemAdapters.join(', ')}`);
  for (const { name, reason } of report.rejected) lines.push(`Not used  ${name}: ${reason}`);
  if (report.advice.length > 0) lines.push('', 'Faster:', ...report.advice.map((line) => `  ${line}`));
  return lines.join('\n');
}

function wasmText({ threads, sharedMemory, relaxed, hasRelaxed }: WasmReport, cores: number): string {
  const many = threads > cores ? ', more than are of use' : '';
  const memory = sharedMemory ? 'shared memory' : 'no shared memory';
  const rounding = relaxed ? 'used' : hasRelaxed ? 'not used (--relaxed)' : 'not in this version of Node';
  return `Threads   ${threads} on ${cores} cores${many}; ${memory}; SIMD; relaxed multiply-adds: ${rounding}`;
}

async function reportAdapter(
  opened: OpenedAdapter,
  backend: string,
  openMilliseconds: number,
): Promise<AdapterReport> {
  const { adapter, name, kind, description } = opened;
  const { info } = adapter;
  const { subgroupMinSize: min, subgroupMaxSize: max } = info;
  return {
    name,
    kind,
    backend,
    description,
    vendor: info.vendor,
    architecture: info.architecture,
    features: [...adapter.features].sort(),
    subgroupSizes:
      adapter.features.has('subgroups') && min !== undefined && max !== undefined ? { min, max } : null,
    limits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
    openMilliseconds,
    wasm: opened.wasm
      ? { ...opened.wasm, sharedMemory: hasSharedMemory(), hasRelaxed: hasRelaxedSimd() }
      : null,
    computes: await computes(adapter),
  };
}

/** Run one dispatch that squares 64 integers: an adapter that opens may still not work. */
async function computes(adapter: GPUAdapter): Promise<boolean> {
  const COUNT = 64;
  const device = await adapter.requestDevice();
  try {
    const module = device.createShaderModule({
      code: /* wgsl */ `
        @group(0) @binding(0) var<storage, read_write> squares: array<u32>;
        @compute @workgroup_size(${COUNT}) fn main(@builtin(global_invocation_id) id: vec3u) {
          squares[id.x] = id.x * id.x;
        }`,
    });
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
    const size = COUNT * Uint32Array.BYTES_PER_ELEMENT;
    const squares = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const readable = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const layout = pipeline.getBindGroupLayout(0);
    const group = device.createBindGroup({
      layout,
      entries: [{ binding: 0, resource: { buffer: squares } }],
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(squares, 0, readable, 0, size);
    device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    return new Uint32Array(readable.getMappedRange()).every((square, i) => square === i * i);
  } finally {
    device.destroy();
  }
}

function backendOf(
  { kind, adapter }: OpenedAdapter,
  system: readonly { backend: string; name: string }[],
): string {
  if (kind === 'wasm') return 'webassembly';
  // Dawn writes the driver's name into `device` in lower case with dashes for all that is no letter or digit.
  const match = system.find(
    ({ name }) => name.toLowerCase().replace(/[^a-z0-9]/g, '-') === adapter.info.device,
  );
  return (match ?? system[0])?.backend ?? 'unknown';
}

function whyChosen({ kind, description }: OpenedAdapter, name: string | undefined): string {
  const asked = name ?? process.env.MATHFORMER_ADAPTER;
  if (asked) return `asked for by ${name === undefined ? 'MATHFORMER_ADAPTER' : '--adapter'} ${asked}`;
  switch (kind) {
    case 'hardware':
      return 'a hardware GPU is the fastest there is';
    case 'software':
      return `${description} was asked for`;
    case 'wasm':
      return 'no hardware GPU can be used; this one needs no driver, and is faster than software drivers';
  }
}

const { adapter, threads, relaxed, json } = outputSchema.shape;
const flagsSchema = z.strictObject({
  ...{ adapter, threads, relaxed },
  workers: workersFields.workers.describe(
    'examine this server for rollouts on many machines instead, such as nats://HOST:4222',
  ),
  creds: path().optional().describe('with --workers: file with credentials'),
  ca: path().optional().describe("with --workers: file with the server's certificate authority"),
  json: json.describe('print the report as JSON'),
});
type Flags = z.output<typeof flagsSchema>;

async function run(flags: Flags): Promise<void> {
  const { usable, report, text } = await (flags.workers === undefined ? onMachine(flags) : onCluster(flags));
  const reporter = new Reporter({ ...flags, quiet: false });
  if (flags.json) reporter.document(report);
  else reporter.line(text);
  process.exitCode = usable ? 0 : 1;
}

/** A report, as an object and as text. */
interface Examined {
  readonly usable: boolean;
  readonly report: object;
  readonly text: string;
}

async function onMachine(flags: Flags): Promise<Examined> {
  for (const [flag, value] of [
    ['--creds', flags.creds],
    ['--ca', flags.ca],
  ] as const) {
    if (value === undefined) continue;
    throw new BadOptionError(flag, `${flag} is of use with --workers alone`, 'give --workers URL, too');
  }
  const report = await examine(flags);
  return { usable: report.usable, report, text: format(report) };
}

async function onCluster({ workers: url = '', creds, ca, ...others }: Flags): Promise<Examined> {
  const flag = others.adapter === undefined ? (others.threads === undefined ? '' : '--threads') : '--adapter';
  if (flag !== '' || others.relaxed) {
    const problem = `${flag || '--relaxed'} tells nothing about a server`;
    throw new BadOptionError(flag || '--relaxed', problem, 'leave it out, or --workers');
  }
  const credentials = creds === undefined ? undefined : readFileSync(creds, 'utf8');
  const report = await examineCluster(connectNode, { url, credentials, ca, name: 'mathformer doctor' });
  return { usable: report.usable, report, text: clusterReportText(report) };
}

/** Build `doctor`. */
export function doctorCommand(): Command {
  const command = throwing(new Command('doctor')).description(
    'Tells which adapter mathformer uses here, why, and how to get a faster one. With --workers it tells who is at a server for ' +
      'rollouts on many machines, and why one is refused.',
  );
  return addFlags(command, flagsSchema).action(() => run(readFlags(command, flagsSchema)));
}
