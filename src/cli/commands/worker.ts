/** `worker URL`: samples completions for runs on other machines, until it is stopped. It writes no file and loads no task. */
import { readFileSync } from 'node:fs';
import { hostname, totalmem } from 'node:os';
import { Command } from 'commander';
import { z } from 'zod';
import { problemOf } from '../../base/errors.ts';
import { BadOptionError, integer, path } from '../../base/options.ts';
import { checkAddress } from '../../cluster/connection/connection.ts';
import { connectNode, NODE_PROTOCOLS } from '../../cluster/connection/node.ts';
import { ClusterError } from '../../cluster/protocol/error.ts';
import { deviceWorker } from '../../cluster/worker/deviceWorker.ts';
import type { RolloutWorker, WorkReport } from '../../cluster/worker/worker.ts';
import { Device, type DeviceOptions } from '../../gpu/device.ts';
import { openAdapter } from '../../gpu/node.ts';
import { versions } from '../../runs/provenance.ts';
import { outputSchema } from '../../training/outputOptions.ts';
import { throwing } from '../failure.ts';
import { addFlags, filledOperand, readFlags } from '../flags/flags.ts';
import { Reporter } from '../reporter.ts';
import { StopRequest } from '../stopRequest.ts';
import { summaryText, WorkerTerminal } from '../workerTerminal.ts';

const MIB = 2 ** 20;
/** Most characters of a worker's name. */
const NAME_LENGTH = 100;

const { adapter, threads, relaxed, json, quiet } = outputSchema.shape;
const workerFlags = z.strictObject({
  ...{ adapter, threads, relaxed },
  memoryLimit: integer(1, 1 << 20)
    .optional()
    .describe('most MiB of memory to use for weights and on the GPU (default: half of what there is)'),
  name: z
    .string()
    .min(1, { error: 'give a name' })
    .max(NAME_LENGTH, { error: `give a name of at most ${NAME_LENGTH} characters` })
    .optional()
    .describe("the worker's name in tables (default: that of the machine)"),
  creds: path().optional().describe('file with the credentials that the owner of the server made'),
  ca: path().optional().describe('file with the certificate authority of the server, if the system lacks it'),
  once: z.boolean().default(false).describe('end when the run that it worked for is over'),
  maxIdle: integer(1, 31_536_000).optional().describe('end after so many seconds without work'),
  ...{ json, quiet },
});

type Flags = z.output<typeof workerFlags>;

/** @throws ClusterError if the server cannot be used, or with `--once` if a run refuses this worker; AdapterError */
async function run(url: string, flags: Flags): Promise<void> {
  const { once, maxIdle } = flags;
  checkUrl(url);
  const reporter = new Reporter(flags);
  const asked = new AbortController();
  using stop = new StopRequest(() => {
    reporter.line('Stopping: finishing the work item, or handing it back (again: at once)');
    asked.abort();
  });
  const start = performance.now();
  const { worker, terminal } = await open(url, flags, reporter);
  using _ = terminal;
  const report = await worker.run({ once, maxIdle, signal: asked.signal });
  terminal[Symbol.dispose]();
  tell(report, (performance.now() - start) / 1000, flags, reporter);
  if (stop.requested) process.exitCode = stop.exitCode;
}

async function open(
  url: string,
  flags: Flags,
  reporter: Reporter,
): Promise<{ readonly worker: RolloutWorker; readonly terminal: WorkerTerminal }> {
  const { name = hostname().slice(0, NAME_LENGTH), creds, ca, memoryLimit } = flags;
  const credentials = creds === undefined ? undefined : readFileSync(creds, 'utf8');
  const { mathformer, webgpu, node, platform } = versions();
  const worker = await deviceWorker({
    connect: async () => {
      const connected = await connectNode({ url, credentials, ca, name: `mathformer worker ${name}` });
      reporter.line(`Connected to ${url}; Ctrl-C ends the worker`);
      return connected;
    },
    open: (options) => openDevice(flags, options),
    memory: memoryLimit === undefined ? mostMemory() / 2 : memoryLimit * MIB,
    on: (event) => terminal.hear(event),
    name,
    platform: `Node ${node}, ${platform}`,
    versions: { mathformer, driver: webgpu },
  });
  const terminal = new WorkerTerminal(reporter, () => worker.counts);
  reporter.note(`Worker ${name} on ${worker.facts.adapter}, class ${worker.facts.class}`);
  return { worker, terminal };
}

/** @throws BadOptionError */
function checkUrl(url: string): void {
  try {
    checkAddress(url, NODE_PROTOCOLS);
  } catch (error) {
    if (error instanceof ClusterError) throw new BadOptionError('url', problemOf(error), error.fix);
    throw error;
  }
}

async function openDevice(
  { adapter: name, threads, relaxed, memoryLimit }: Flags,
  options: DeviceOptions,
): Promise<Device> {
  const matrixUnits = options.matmulPrecision === 'medium';
  const opened = await openAdapter({
    ...(name === undefined ? {} : { name }),
    threads,
    relaxed,
    matrixUnits,
  });
  const limit = memoryLimit === undefined ? {} : { memoryLimit: memoryLimit * MIB };
  return Device.open(opened.adapter, { ...options, ...limit });
}

/** Return the bytes of memory that this process may have: those of the machine, or of its container. */
const mostMemory = (): number =>
  Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);

function tell(report: WorkReport, seconds: number, { maxIdle }: Flags, reporter: Reporter): void {
  const why = { over: 'The run is over', idle: `No work for ${maxIdle} s`, asked: 'Stopped' }[report.reason];
  reporter.line(`${why}: ${summaryText(report, seconds)}`);
  reporter.document({ ...report, seconds });
}

/** Build `worker <url>`. */
export function workerCommand(): Command {
  const command = throwing(new Command('worker'))
    .description(
      'Samples for runs on other machines, which meet it at a NATS server. It needs no files of theirs.',
    )
    .argument(
      '<url>',
      'address of the server: nats://HOST:4222, tls://HOST:4222 or wss://HOST',
      filledOperand,
    );
  return addFlags(command, workerFlags).action((url: string) => run(url, readFlags(command, workerFlags)));
}
