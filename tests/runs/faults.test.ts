/**
 * A file system that fails at any call of a run: the error explains the failure, half-written files are ignored, and the
 * resumed run ends like one without the fault.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { Checkpoints } from '../../src/runs/checkpoints.ts';
import { FileError } from '../../src/runs/fileError.ts';
import { Run } from '../../src/runs/run.ts';
import type { TrainingCheckpoint } from '../../src/training/store.ts';
import { readEvents } from './metrics/eventFile.ts';

const STEPS = 2;
const config = modelConfig('tiny', { nLayers: 1, vocabSize: 8 });

let parent: string;
let directory: string;
beforeEach(() => {
  parent = fs.mkdtempSync(join(tmpdir(), 'mathformer-io-'));
  directory = join(parent, 'run');
});
afterEach(() => fs.rmSync(parent, { recursive: true }));

function at(step: number, rows: number): TrainingCheckpoint {
  return {
    model: { config, stateDict: initialStateDict(config, step), metadata: new Map() },
    state: {
      progress: { step },
      optimizer: new Map([['exp_avg', { shape: [2], data: Float32Array.of(step, 1) }]]),
      reference: initialStateDict(config, 100),
    },
    session: { rows },
  };
}

/** Start the run, or resume it, and train to the end. */
function train(): void {
  const isBegun = fs.existsSync(join(directory, 'config.json'));
  const saved = fs.existsSync(join(directory, 'checkpoints'))
    ? new Checkpoints(join(directory, 'checkpoints')).latest((error) => {
        throw error;
      })
    : undefined;
  using run = new Run({
    kind: 'grpo',
    directory,
    config: { seed: 1 },
    csv: join(directory, 'logs', 'a.csv'),
    tensorboard: true,
    resume: isBegun ? { rows: Number(saved?.session.rows ?? 0) } : undefined,
  });
  if (saved) run.checkpoints.forgetAfter(saved.name);
  for (let step = (saved?.step ?? 0) + 1; step <= STEPS; step++) {
    run.log({ phase: 'grpo', step, loss: 1 / step, note: 'a,b' });
    run.writeLines(`samples_step${step}.jsonl`, [{ step }]);
    const rows = run.syncedRows();
    run.checkpoints.save(at(step, rows), {
      name: `step${step}`,
      step,
      temporary: step === 1,
      accuracy: step / 10,
    });
  }
  run.writeJson('summary.json', { steps: STEPS });
}

/**
 * Return the content of every file that must not depend on the fault. Files that the manifest does not name are ignored: a
 * fault after writing the manifest leaves files that it no longer names.
 */
function contents(): Record<string, unknown> {
  const checkpoints = join(directory, 'checkpoints');
  const unlisted = new Set(new Checkpoints(checkpoints).unlisted().map((file) => join(checkpoints, file)));
  const files = fs.readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = files
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .filter((path) => !unlisted.has(path));
  const entries = paths.map((path): [string, unknown] => {
    const bytes = fs.readFileSync(path);
    const events = path.includes('tfevents') && readEvents(bytes).map((event) => ({ ...event, wallTime: 0 }));
    const content = events || createHash('sha256').update(bytes).digest('hex');
    return [path.slice(directory.length), content];
  });
  return Object.fromEntries(entries.sort());
}

/** The calls that may fail, in order. */
const CALLS = [
  'openSync',
  'writeSync',
  'writeFileSync',
  'fsyncSync',
  'ftruncateSync',
  'renameSync',
  'mkdirSync',
] as const;
/** The calls that a full disk refuses. */
const NEEDS_ROOM: readonly Name[] = ['writeSync', 'writeFileSync', 'mkdirSync'];

type Name = (typeof CALLS)[number];
type Fault = (name: Name, call: number) => Error | undefined;

/** Do work with file operations that fail as specified and do not wait for the disk. Return the calls made. */
function withFault(fault: Fault, work: () => void): Name[] {
  const originals = CALLS.map((name) => [name, fs[name]] as const);
  const made: Name[] = [];
  for (const [name, original] of originals) {
    Object.assign(fs, {
      [name]: (...args: unknown[]): unknown => {
        const error = fault(name, made.push(name) - 1);
        if (error) throw error;
        return name === 'fsyncSync' ? undefined : Reflect.apply(original, fs, args);
      },
    });
  }
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    for (const [name, original] of originals) Object.assign(fs, { [name]: original });
    syncBuiltinESMExports();
  }
  return made;
}

const failing = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code });

function refusal(work: () => void): FileError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
}

const none: Fault = () => undefined;

describe.each([
  [
    'an input or output error',
    'FILE_SYSTEM',
    CALLS,
    (n: number): Fault =>
      (_, call) =>
        call === n ? failing('EIO') : undefined,
  ],
  [
    'a disk that is full from then on',
    'DISK_FULL',
    NEEDS_ROOM,
    (n: number): Fault =>
      (name, call) =>
        call >= n && NEEDS_ROOM.includes(name) ? failing('ENOSPC') : undefined,
  ],
] as const)('%s', (_, code, names, faultAt) => {
  it('at any call loses nothing', () => {
    const calls = withFault(none, train);
    const expected = contents();
    fs.rmSync(directory, { recursive: true });
    for (const [n, name] of calls.entries()) {
      if (!names.some((each) => each === name)) continue;
      const error = refusal(() => withFault(faultAt(n), train));
      expect([n, name, error?.code]).toEqual([n, name, code]);
      withFault(none, train);
      expect(contents()).toEqual(expected);
      fs.rmSync(directory, { recursive: true });
    }
  });
});

it('what is synced is on the disk before anything counts it', () => {
  const calls: string[] = [];
  const paths = new Map<unknown, string>();
  const originals = { openSync: fs.openSync, fsyncSync: fs.fsyncSync, renameSync: fs.renameSync };
  const name = (path: unknown): string =>
    String(path)
      .slice(directory.length)
      .replace(/\.([^/]+)\.[0-9a-f]{8}\.tmp$/, '$1 (temporary)');
  fs.openSync = (path, ...rest) => {
    const descriptor = originals.openSync(path, ...rest);
    paths.set(descriptor, name(path));
    return descriptor;
  };
  fs.fsyncSync = (descriptor) => {
    originals.fsyncSync(descriptor);
    calls.push(`sync ${paths.get(descriptor)}`);
  };
  fs.renameSync = (from, to) => {
    originals.renameSync(from, to);
    calls.push(`rename to ${name(to)}`);
  };
  syncBuiltinESMExports();
  try {
    train();
  } finally {
    Object.assign(fs, originals);
    syncBuiltinESMExports();
  }
  const written = (path: string): string[] => [
    `sync ${path} (temporary)`,
    `rename to ${path}`,
    `sync ${path.slice(0, path.lastIndexOf('/'))}`,
  ];
  const save = (step: number, reference: readonly string[]): string[] => [
    ...['', '.optimizer'].flatMap((part) => written(`/checkpoints/step${step}${part}.safetensors`)),
    ...reference,
    ...written(`/checkpoints/step${step}.json`),
    ...written('/checkpoints/manifest.json'),
  ];
  const rows = ['/metrics.jsonl', '/logs/a.csv', '/tensorboard/events.out.tfevents.mathformer'];
  const reference = fs.readdirSync(join(directory, 'checkpoints')).find((each) => each.startsWith('ref'));
  expect(calls).toEqual([
    ...written('/config.json'),
    ...written('/csv.json'),
    ...written('/samples_step1.jsonl'),
    // The rows' names need to be synced once.
    ...rows.flatMap((path) => [`sync ${path}`, `sync ${path.slice(0, path.lastIndexOf('/'))}`]),
    ...save(1, written(`/checkpoints/${reference}`)),
    ...written('/samples_step2.jsonl'),
    ...rows.map((path) => `sync ${path}`),
    ...save(2, []),
    ...written('/summary.json'),
  ]);
});
