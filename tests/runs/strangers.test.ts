/** An untrusted or copied run: resuming it writes only inside its directory. */
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { resumedCsv } from '../../src/runs/csvPlace.ts';
import { FileError } from '../../src/runs/fileError.ts';
import { Run } from '../../src/runs/run.ts';

const config = modelConfig('tiny', { nLayers: 1, vocabSize: 8 });
const model = { config, stateDict: initialStateDict(config, 1), metadata: new Map<string, string>() };
const FILES = [
  'config.json',
  'csv.json',
  'evaluation.jsonl',
  'lock',
  'logs/a.csv',
  'metrics.jsonl',
  'summary.json',
  'tensorboard/events.out.tfevents.mathformer',
  'checkpoints/manifest.json',
  'checkpoints/step1.json',
  'checkpoints/step1.safetensors',
  'checkpoints/step1.optimizer.safetensors',
  'checkpoints/final.safetensors',
];

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-stranger-'));
  directory = join(parent, 'run');
});
afterEach(() => rmSync(parent, { recursive: true }));

/** Resume a run at its start, and write to every file. */
function resume(): void {
  using run = new Run({
    kind: 'grpo',
    directory,
    config: { seed: 1 },
    csv: join(directory, 'logs', 'a.csv'),
    tensorboard: true,
    resume: { rows: 0 },
  });
  run.log({ phase: 'grpo', step: 1, loss: 1 });
  run.writeLines('evaluation.jsonl', [{ id: 1 }]);
  const state = { progress: { step: 1 }, optimizer: new Map(), reference: null };
  run.checkpoints.save({ model, state, session: {} }, { name: 'step1', step: 1 });
  run.saveCheckpoint('final', model);
  run.writeJson('summary.json', {});
}

const refused = (work: () => void): FileError | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
};

describe.each([
  ['a symbolic link', symlinkSync],
  ['a hard link', linkSync],
] as const)('%s', (_, link) => {
  it.each(FILES)('in the place of %s changes no other file', (name) => {
    const victim = join(parent, 'victim');
    // A manifest has to be one.
    const text = name.endsWith('manifest.json') ? '{"version":1,"checkpoints":[],"best":null}' : 'precious';
    writeFileSync(victim, text);
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    link(victim, path);
    const error = refused(resume);
    if (error) expect(error).toMatchObject({ code: 'NOT_A_FILE', where: path });
    else expect(readFileSync(path, 'utf8')).not.toBe('');
    expect(readFileSync(victim, 'utf8')).toBe(text);
    expect(readdirSync(parent).sort()).toEqual(['run', 'victim']);
  });
});

it.each(['checkpoints', 'logs', 'tensorboard'])('a link in the place of %s/ leads nowhere', (name) => {
  const elsewhere = join(parent, 'elsewhere');
  mkdirSync(elsewhere);
  mkdirSync(directory);
  symlinkSync(elsewhere, join(directory, name));
  expect(refused(resume)).toMatchObject({ code: 'NOT_A_FILE', where: join(directory, name) });
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(existsSync(join(directory, 'lock'))).toBe(false);
});

it('a temporary name is never taken: what lies there stays', () => {
  mkdirSync(directory);
  writeFileSync(join(directory, '.notes.tmp'), 'mine');
  writeFileSync(join(directory, '.metrics.jsonl.0123abcd.tmp'), 'torn');
  resume();
  expect(readFileSync(join(directory, '.notes.tmp'), 'utf8')).toBe('mine');
  expect(existsSync(join(directory, '.metrics.jsonl.0123abcd.tmp'))).toBe(false);
});

it('a copy of a run leaves the CSV file of the run alone, and has one with the same rows', () => {
  const csv = join(parent, 'a.csv');
  const row = (step: number) => ({
    phase: 'grpo',
    step,
    loss: step === 2 ? Number.NaN : 1 / step,
    note: 'a,"b"\n',
  });
  const begin = { kind: 'grpo', config: {} } as const;
  {
    using run = new Run({ ...begin, directory, csv });
    for (const step of [1, 2, 3]) run.log(row(step));
  }
  const before = readFileSync(csv, 'utf8');
  const copy = join(parent, 'copy');
  cpSync(directory, copy, { recursive: true });
  const own = resumedCsv(copy, true);
  expect(own).toBe(join(copy, 'metrics.csv'));
  {
    using run = new Run({ ...begin, directory: copy, csv: own ?? '', resume: { rows: 2 } });
    run.log(row(3));
  }
  expect(readFileSync(own ?? '', 'utf8')).toBe(before);
  expect(readFileSync(csv, 'utf8')).toBe(before);
  {
    expect(resumedCsv(directory, true)).toBe(csv);
    using run = new Run({ ...begin, directory, csv, resume: { rows: 1 } });
    expect(readFileSync(csv, 'utf8')).toBe(before.slice(0, before.indexOf('grpo,2')));
    run.log(row(2));
  }
  // Another run's file, named by mistake, stays whole too.
  const other = refused(() => new Run({ ...begin, directory: copy, csv, resume: { rows: 3 } }));
  expect(other).toMatchObject({ code: 'ROWS_MISSING', where: csv });
  writeFileSync(csv, before.replace('grpo,1', 'grpo,7'));
  const wrong = refused(() => new Run({ ...begin, directory: copy, csv, resume: { rows: 3 } }));
  expect(wrong?.message).toContain('its rows of metrics are not those of this run');
  expect(readFileSync(csv, 'utf8')).toBe(before.replace('grpo,1', 'grpo,7'));
});
