/** A run's directory: its content, and its protection from overwriting. */
import * as fs from 'node:fs';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import type { FileOperations } from '../../src/runs/atomicFile.ts';
import { loadCheckpoint } from '../../src/runs/checkpointFile.ts';
import { FileError } from '../../src/runs/fileError.ts';
import { Run, type RunOptions } from '../../src/runs/run.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE });
const checkpoint = { config, stateDict: initialStateDict(config, 1), metadata: new Map([['seed', '1']]) };

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-run-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

function create(options: Partial<RunOptions> = {}): Run {
  return new Run({ kind: 'grpo', directory: join(parent, 'run'), config: { seed: 1 }, ...options });
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof FileError) return error.code;
    throw error;
  }
  return 'nothing failed';
}

describe('Run', () => {
  it('keeps config, metrics, CSV, results and checkpoints', () => {
    const csv = join(parent, 'logs', 'a.csv');
    using run = create({ csv });
    run.log({ phase: 'grpo', step: 1, loss: 0.5, eval_accuracy: null });
    run.log({ phase: 'grpo', step: 2, loss: 0.25, eval_accuracy: 0.5 });
    // Readable while the run goes on.
    const metrics = readFileSync(join(run.directory, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(metrics.map((line) => JSON.parse(line))).toEqual([
      { phase: 'grpo', step: 1, loss: 0.5, eval_accuracy: null },
      { phase: 'grpo', step: 2, loss: 0.25, eval_accuracy: 0.5 },
    ]);
    expect(readFileSync(csv, 'utf8')).toBe('phase,step,loss,eval_accuracy\ngrpo,1,0.5,\ngrpo,2,0.25,0.5\n');
    expect(JSON.parse(readFileSync(join(run.directory, 'config.json'), 'utf8'))).toEqual({ seed: 1 });
    const path = run.saveCheckpoint('rl_model_final', checkpoint);
    expect(path).toBe(join(run.directory, 'checkpoints', 'rl_model_final.safetensors'));
    const loaded = loadCheckpoint(path);
    expect(loaded.config).toEqual(config);
    expect(loaded.metadata.get('seed')).toBe('1');
    expect(loaded.stateDict.get('out_proj.weight')?.data).toEqual(
      checkpoint.stateDict.get('out_proj.weight')?.data,
    );
  });

  it('writes into an empty directory, but never into one with anything in it', () => {
    mkdirSync(join(parent, 'run'));
    create()[Symbol.dispose]();
    const before = readFileSync(join(parent, 'run', 'config.json'), 'utf8');
    expect(codeOf(() => create({ config: {} }))).toBe('ALREADY_EXISTS');
    expect(readFileSync(join(parent, 'run', 'config.json'), 'utf8')).toBe(before);
  });

  it('keeps its CSV file in its own directory if asked to', () => {
    const directory = join(parent, 'own');
    const csv = join(directory, 'log.csv');
    using run = create({ csv, directory });
    run.log({ phase: 'grpo', step: 1, loss: 0.5 });
    expect(readFileSync(csv, 'utf8')).toContain('1,0.5');
  });

  it('writes rows as lines and reads them again; undefined where there are none yet', () => {
    using run = create();
    expect(run.readLines('rows.jsonl')).toBeUndefined();
    const rows = [{ id: 1, answer: 'two\nlines' }, { id: 2 }];
    const path = run.writeLines('rows.jsonl', rows);
    expect(path).toBe(join(run.directory, 'rows.jsonl'));
    expect(readFileSync(path, 'utf8')).toBe('{"id":1,"answer":"two\\nlines"}\n{"id":2}\n');
    expect(run.readLines('rows.jsonl')).toEqual(rows);
    run.writeLines('rows.jsonl', []);
    expect(run.readLines('rows.jsonl')).toEqual([]);
    expect(readFileSync(run.writeJson('a.json', { a: [1] }), 'utf8')).toBe('{\n  "a": [\n    1\n  ]\n}\n');
  });

  it('writes bytes into directories of its own, and never through a link', () => {
    using run = create();
    run.writeBytes('trace/step1.safetensors', Uint8Array.of(1, 2));
    run.writeBytes('trace/step1.safetensors', Uint8Array.of(3));
    expect([...readFileSync(join(run.directory, 'trace', 'step1.safetensors'))]).toEqual([3]);
    rmSync(join(run.directory, 'trace'), { recursive: true });
    mkdirSync(join(parent, 'elsewhere'));
    fs.symlinkSync(join(parent, 'elsewhere'), join(run.directory, 'trace'));
    expect(codeOf(() => run.writeBytes('trace/step2.safetensors', Uint8Array.of(4)))).toBe('NOT_A_FILE');
    expect(readdirSync(join(parent, 'elsewhere'))).toEqual([]);
  });

  it('goes on behind the rows of a checkpoint, with a new config, without what was never completed', () => {
    const csv = join(parent, 'run', 'log.csv');
    {
      using run = create({ csv });
      for (const step of [1, 2, 3]) run.log({ phase: 'grpo', step, loss: step });
      expect(run.syncedRows()).toBe(3);
    }
    const record = join(parent, 'run', 'csv.json');
    expect(JSON.parse(readFileSync(record, 'utf8'))).toEqual({ path: 'log.csv' });
    writeFileSync(join(parent, 'run', '.config.json.01234567.tmp'), '');
    {
      using run = create({ csv, resume: { rows: 2 }, config: { seed: 2 } });
      expect(run.syncedRows()).toBe(2);
      run.log({ phase: 'grpo', step: 3, loss: 9 });
    }
    expect(readFileSync(csv, 'utf8')).toBe('phase,step,loss\ngrpo,1,1\ngrpo,2,2\ngrpo,3,9\n');
    expect(JSON.parse(readFileSync(join(parent, 'run', 'config.json'), 'utf8'))).toEqual({ seed: 2 });
    const names = () => readdirSync(join(parent, 'run')).filter((name) => name !== 'lock');
    expect(names().sort()).toEqual(['checkpoints', 'config.json', 'csv.json', 'log.csv', 'metrics.jsonl']);
    create({ resume: { rows: 3 } })[Symbol.dispose]();
    expect(names()).not.toContain('csv.json');
  });

  it('that cannot be resumed stays as it was, and free for another process', () => {
    {
      using run = create();
      run.log({ phase: 'grpo', step: 1, loss: 1 });
    }
    const before = readdirSync(join(parent, 'run')).sort();
    expect(codeOf(() => create({ resume: { rows: 2 }, config: { seed: 2 } }))).toBe('ROWS_MISSING');
    expect(readdirSync(join(parent, 'run')).sort()).toEqual(before);
    expect(JSON.parse(readFileSync(join(parent, 'run', 'config.json'), 'utf8'))).toEqual({ seed: 1 });
    create({ resume: { rows: 1 } })[Symbol.dispose]();
  });

  it('does not overwrite a CSV, and leaves neither CSV nor directory when the other fails', () => {
    const csv = join(parent, 'a.csv');
    writeFileSync(csv, 'precious');
    expect(codeOf(() => create({ csv, tensorboard: true }))).toBe('ALREADY_EXISTS');
    expect(readFileSync(csv, 'utf8')).toBe('precious');
    expect(existsSync(join(parent, 'run'))).toBe(false);
    mkdirSync(join(parent, 'run'));
    expect(codeOf(() => create({ csv, tensorboard: true }))).toBe('ALREADY_EXISTS');
    expect(readdirSync(join(parent, 'run'))).toEqual([]);
    rmSync(join(parent, 'run'), { recursive: true });
    expect(codeOf(() => create({ csv: join(parent, 'b.csv'), directory: parent }))).toBe('ALREADY_EXISTS');
    expect(readdirSync(parent)).toEqual(['a.csv']);
  });

  it('refuses a path through a file and one the system does not allow', () => {
    writeFileSync(join(parent, 'file'), '');
    expect(codeOf(() => create({ directory: join(parent, 'file', 'run') }))).toBe('NOT_A_FILE');
    // Node's recursive mkdir would spin here for ever.
    if (process.platform === 'linux')
      expect(codeOf(() => create({ directory: '/proc/mathformer' }))).toBe('FILE_NOT_FOUND');
  });

  it('names its directory after time and kind, and never twice the same', () => {
    const back = process.cwd();
    process.chdir(parent);
    try {
      const now = new Date('2026-03-01T12:30:05.678Z');
      const names = [1, 2, 3].map(() => {
        using run = new Run({ kind: 'pretrain', config: {}, now });
        return run.directory;
      });
      const first = join('runs', '2026-03-01T12-30-05-pretrain');
      expect(names).toEqual([first, `${first}-2`, `${first}-3`]);
    } finally {
      process.chdir(back);
    }
  });

  it('keeps the last good checkpoint when the disk fills up', () => {
    let full = false;
    const files: FileOperations = {
      ...fs,
      writeFileSync: ((...args: Parameters<typeof fs.writeFileSync>) => {
        if (full) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
        fs.writeFileSync(...args);
      }) as typeof fs.writeFileSync,
    };
    using run = create({ files });
    const path = run.saveCheckpoint('model', checkpoint);
    const before = readFileSync(path);
    full = true;
    expect(codeOf(() => run.saveCheckpoint('model', checkpoint))).toBe('DISK_FULL');
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(join(run.directory, 'checkpoints'))).toEqual(['model.safetensors']);
  });
});

describe('loadCheckpoint', () => {
  it('reads the formats of the original', () => {
    expect(loadCheckpoint('tests/fixtures/checkpoints/tiny.pt').config.dModel).toBe(32);
  });

  it('refuses what is no file before opening it', () => {
    expect(codeOf(() => loadCheckpoint(join(parent, 'missing.pt')))).toBe('FILE_NOT_FOUND');
    expect(codeOf(() => loadCheckpoint(parent))).toBe('NOT_A_FILE');
    if (process.platform !== 'win32') expect(codeOf(() => loadCheckpoint('/dev/null'))).toBe('NOT_A_FILE');
  });
});
