/** The checkpoints of a run: complete ones, kept ones, and changed files. */
import { createHash } from 'node:crypto';
import patched, * as fs from 'node:fs';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { MathformerError } from '../../src/base/errors.ts';
import { writeSafetensors } from '../../src/formats/index.ts';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import type { FileOperations } from '../../src/runs/atomicFile.ts';
import { Checkpoints } from '../../src/runs/checkpoints.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import type { SaveOptions, TrainingCheckpoint } from '../../src/training/store.ts';

const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, nLayers: 1 });
const REFERENCE = initialStateDict(config, 100);

/** Return a possible state of a trainer after `step` steps. */
function at(step: number, reference = REFERENCE): TrainingCheckpoint {
  return {
    model: { config, stateDict: initialStateDict(config, step), metadata: new Map([['kind', 'grpo']]) },
    state: {
      progress: { step },
      // A report of a step without a finite gradient holds a NaN.
      optimizer: new Map([
        ['report', { shape: [3], data: Float32Array.of(Number.NaN, step, 1) }],
        ['exp_avg', { shape: [4], data: new Float32Array(4).fill(step) }],
      ]),
      reference,
    },
    session: { step },
  };
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-checkpoints-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function saved(
  steps: readonly number[],
  options: Partial<SaveOptions> = {},
  files?: FileOperations,
): Checkpoints {
  const checkpoints = new Checkpoints(directory, files);
  for (const step of steps) checkpoints.save(at(step), { name: `step${step}`, step, ...options });
  return checkpoints;
}

const noDamage = (error: MathformerError): void => {
  throw error;
};

describe('checkpoints', () => {
  test('are read as they were written, by another process too', () => {
    saved([1, 2]);
    const found = new Checkpoints(directory).latest(noDamage);
    expect(found).toMatchObject({ name: 'step2', step: 2, ...at(2) });
  });

  test('share the reference while it is the same', () => {
    const checkpoints = saved([1, 2]);
    checkpoints.save(at(3, initialStateDict(config, 101)), { name: 'step3', step: 3 });
    checkpoints.save({ ...at(4), state: { ...at(4).state, reference: null } }, { name: 'step4', step: 4 });
    const references = readdirSync(directory).filter((file) => file.startsWith('reference-'));
    expect(references.length).toBe(2);
    for (const file of references) expect(file).toMatch(/^reference-[0-9a-f]{16}\.safetensors$/);
    expect(checkpoints.entries.map(({ files }) => Object.keys(files).length)).toEqual([4, 4, 4, 3]);
    expect(checkpoints.latest(noDamage)?.state.reference).toBeNull();
  });

  test('keep the versions of earlier steps in order, and share those that are the same', () => {
    const checkpoints = new Checkpoints(directory);
    const version = (step: number) => initialStateDict(config, 200 + step);
    for (const step of [1, 2, 3]) {
      // As at the start of a run, the first two versions are the same.
      const versions = [Math.max(1, step - 1), step].map(version);
      checkpoints.save(
        { ...at(step), state: { ...at(step).state, versions } },
        { name: `step${step}`, step, keepLast: 2 },
      );
    }
    const files = readdirSync(directory).filter((file) => file.startsWith('version-'));
    for (const file of files) expect(file).toMatch(/^version-[0-9a-f]{16}\.safetensors$/);
    expect(files.length).toBe(3);
    for (const entry of new Checkpoints(directory).entries) {
      const { versions } = new Checkpoints(directory).load(entry).state;
      expect(versions).toEqual([Math.max(1, entry.step - 1), entry.step].map(version));
    }
    checkpoints.save(at(4), { name: 'step4', step: 4, keepLast: 1 });
    expect(readdirSync(directory).filter((file) => file.startsWith('version-'))).toEqual([]);
    expect(checkpoints.latest(noDamage)?.state).not.toHaveProperty('versions');
  });

  test('the last ones, the best and the latest are kept, temporary ones until the next; their files, no others', () => {
    const step = fc.record({ temporary: fc.boolean(), accuracy: fc.option(fc.integer({ min: 0, max: 5 })) });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 3 }),
        (steps, keepLast) => {
          rmSync(directory, { recursive: true });
          const checkpoints = new Checkpoints(directory);
          let best: number | undefined;
          const lasting: number[] = [];
          for (const [i, { temporary, accuracy }] of steps.entries()) {
            checkpoints.save(at(i), { name: `step${i}`, step: i, temporary, keepLast });
            if (!temporary) lasting.push(i);
            if (accuracy !== null) {
              const better = best === undefined || accuracy > (steps[best]?.accuracy ?? -1);
              expect(checkpoints.offer(`step${i}`, accuracy)).toBe(better);
              if (better) best = i;
            }
          }
          checkpoints.save(at(99), { name: 'end', step: 99, keepLast });
          lasting.push(99);
          const recent = keepLast === 0 ? lasting : lasting.slice(-keepLast);
          const expected = [...new Set([...recent, 99, ...(best === undefined ? [] : [best])])].sort(
            (a, b) => a - b,
          );
          expect(checkpoints.entries.map((entry) => entry.step)).toEqual(expected);
          const files = new Set(checkpoints.entries.flatMap((entry) => Object.keys(entry.files)));
          expect(new Set(readdirSync(directory))).toEqual(new Set([...files, 'manifest.json']));
          for (const entry of checkpoints.entries)
            expect(checkpoints.load(entry).session.step).toBe(entry.step);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('write a reference that is the same no second time', () => {
    const checkpoints = saved([1]);
    const inodes = () =>
      readdirSync(directory)
        .filter((file) => file.startsWith('reference-'))
        .map((file) => fs.statSync(join(directory, file)).ino);
    const before = inodes();
    checkpoints.save(at(2), { name: 'step2', step: 2 });
    expect(inodes()).toEqual(before);
  });

  test('a name is saved once', () => {
    const checkpoints = saved([1]);
    checkpoints.save(at(7), { name: 'step1', step: 1 });
    expect(checkpoints.latest(noDamage)?.session.step).toBe(1);
  });

  test.each(['step3.safetensors', 'step3.optimizer.safetensors', 'step3.json'])(
    'damage to %s is noticed, and the one before it taken',
    (file) => {
      saved([1, 2, 3]);
      const path = join(directory, file);
      const bytes = readFileSync(path);
      for (const damaged of [
        bytes.subarray(1),
        Buffer.from(bytes.map((byte, i) => (i === 90 ? byte ^ 1 : byte))),
      ]) {
        writeFileSync(path, damaged);
        const damage: MathformerError[] = [];
        const checkpoints = new Checkpoints(directory);
        expect(checkpoints.latest((error) => damage.push(error))?.step).toBe(2);
        expect(damage).toMatchObject([{ code: 'DAMAGED', where: path, fix: 'put a copy back' }]);
        expect(damage[0]?.message).toContain(`${path}: it is not what was saved`);
      }
      rmSync(path);
      const checkpoints = new Checkpoints(directory);
      const damage: MathformerError[] = [];
      expect(checkpoints.latest((error) => damage.push(error))?.step).toBe(2);
      expect(damage).toMatchObject([{ code: 'FILE_NOT_FOUND' }]);
      // Going on from there, the later one is saved anew.
      checkpoints.forgetAfter('step2');
      checkpoints.save(at(3), { name: 'step3', step: 3 });
      expect(new Checkpoints(directory).latest(noDamage)?.step).toBe(3);
    },
  );

  test('that cannot be read for another reason are not given up: that is an error', () => {
    saved([1, 2]);
    const path = join(directory, 'step2.json');
    const { readFileSync: original } = fs;
    const error = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    vi.spyOn(patched, 'readFileSync').mockImplementation((...args) => {
      if (args[0] === path) throw error;
      return original(...args);
    });
    syncBuiltinESMExports();
    try {
      expect(() => new Checkpoints(directory).latest(noDamage)).toThrow(
        expect.objectContaining({ code: 'FILE_SYSTEM', where: path }),
      );
    } finally {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    }
  });

  test('after a damaged one are forgotten, those before it stay, and the best with them', () => {
    for (const best of [1, 2, 3]) {
      rmSync(directory, { recursive: true });
      const checkpoints = saved([1, 2, 3, 4]);
      expect(checkpoints.offer(`step${best}`, 0.5)).toBe(true);
      rmSync(join(directory, 'step3.json'));
      const again = new Checkpoints(directory);
      again.forgetAfter('step2');
      const found = new Checkpoints(directory);
      expect(found.entries.map(({ name }) => name)).toEqual(['step1', 'step2']);
      expect(found.best).toEqual(best === 3 ? null : { name: `step${best}`, step: best, accuracy: 0.5 });
      expect(found.unlisted()).toEqual([]);
      expect(found.latest(noDamage)?.step).toBe(2);
      found.forgetAfter('step2');
      found.forgetAfter('nowhere');
      expect(new Checkpoints(directory).entries.length).toBe(2);
      found.forgetAfter('step1');
      expect(new Checkpoints(directory).entries.map(({ name }) => name)).toEqual(['step1']);
    }
  });

  test('are the best by the highest accuracy, the first of equals, whenever it is told', () => {
    const checkpoints = new Checkpoints(directory);
    for (const [step, accuracy] of [undefined, 0.25, 0.5, 0.5, null, 0.75, 0].entries()) {
      checkpoints.save(at(step), { name: `step${step}`, step, accuracy });
    }
    expect(checkpoints.best).toEqual({ name: 'step5', step: 5, accuracy: 0.75 });
    expect(checkpoints.offer('step6', 0.75)).toBe(false);
    expect(checkpoints.offer('step7', 1)).toBe(false);
    expect(new Checkpoints(directory).best?.step).toBe(5);
    expect(checkpoints.offer('step6', 0.875)).toBe(true);
    expect(new Checkpoints(directory).best).toEqual({ name: 'step6', step: 6, accuracy: 0.875 });
  });

  test('names files that no checkpoint has', () => {
    const checkpoints = saved([1]);
    expect(checkpoints.path('step1')).toBe(join(directory, 'step1.safetensors'));
    for (const name of ['model.safetensors', '.a.0123abcd.tmp']) writeFileSync(join(directory, name), '');
    expect(checkpoints.unlisted()).toEqual(['model.safetensors']);
    expect(readdirSync(directory)).toContain('.a.0123abcd.tmp');
  });

  test('where none is whole, that is an error: a run is not begun again over what is left of it', () => {
    saved([1, 2]);
    const [reference = ''] = readdirSync(directory).filter((file) => file.startsWith('reference-'));
    writeFileSync(join(directory, reference), 'both need it');
    const damage: MathformerError[] = [];
    expect(() => new Checkpoints(directory).latest((error) => damage.push(error))).toThrow(
      expect.objectContaining({ code: 'DAMAGED', where: join(directory, reference) }),
    );
    expect(damage.length).toBe(1);
  });

  test('without any there is none; a manifest that cannot be understood is an error', () => {
    expect(new Checkpoints(directory).latest(noDamage)).toBeUndefined();
    const bad = ['', '{', '[]', '{"version":0,"checkpoints":[],"best":null}'];
    const outside = { bytes: 1, sha256: 'a'.repeat(64) };
    const entry = { name: 'a', step: 1, temporary: false, files: { '../../etc/passwd': outside } };
    bad.push(JSON.stringify({ version: 1, checkpoints: [entry], best: null }));
    for (const file of ['manifest.json', 'b.json', 'a.txt', 'reference-1.json', '..', 'a/b', '/etc/passwd']) {
      const other = { ...entry, files: { [file]: outside } };
      bad.push(JSON.stringify({ version: 1, checkpoints: [other], best: null }));
    }
    for (const text of bad) {
      writeFileSync(join(directory, 'manifest.json'), text);
      expect(() => new Checkpoints(directory)).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
    }
  });

  describe('a manifest', () => {
    const FILE = { bytes: 1, sha256: 'a'.repeat(64) };
    const ENTRY = { name: 'a', step: 1, temporary: false, files: { 'a.json': FILE } };
    const BEST = { name: 'a', step: 1, accuracy: 0.5 };
    const write = (manifest: object): void =>
      writeFileSync(
        join(directory, 'manifest.json'),
        JSON.stringify({ version: 1, best: null, ...manifest }),
      );

    test.each<[string, object]>([
      ['no checkpoint', { checkpoints: [] }],
      [
        'step 0, no bytes',
        { checkpoints: [{ ...ENTRY, step: 0, files: { 'a.json': { ...FILE, bytes: 0 } } }] },
      ],
      ['one that is best', { checkpoints: [ENTRY], best: { ...BEST, step: 0 } }],
      ['a name with points', { checkpoints: [{ ...ENTRY, name: 'a.b-c_D9', files: {} }] }],
      ...['a.safetensors', 'a.optimizer.safetensors', 'a.json', 'reference-09af.safetensors'].map(
        (file): [string, object] => [file, { checkpoints: [{ ...ENTRY, files: { [file]: FILE } }] }],
      ),
    ])('may say: %s', (_, manifest) => {
      write(manifest);
      expect(new Checkpoints(directory)).toMatchObject({ entries: Object.values(manifest)[0] });
    });

    const named = (name: string) => ({ checkpoints: [{ ...ENTRY, name, files: {} }] });
    const withFile = (file: object) => ({
      checkpoints: [{ ...ENTRY, files: { 'a.json': { ...FILE, ...file } } }],
    });
    test.each<[object, string]>([
      [{ checkpoints: [], more: 1 }, ''],
      [{ checkpoints: null }, 'checkpoints'],
      [{ checkpoints: [], version: 0 }, 'version'],
      [{ checkpoints: [{ ...ENTRY, more: 1 }] }, 'checkpoints.0'],
      [{ checkpoints: [ENTRY, { ...ENTRY, step: -1 }] }, 'checkpoints.1.step'],
      [{ checkpoints: [{ ...ENTRY, step: 1.5 }] }, 'checkpoints.0.step'],
      [{ checkpoints: [{ ...ENTRY, temporary: 0 }] }, 'checkpoints.0.temporary'],
      ...['', '.a', '-a', 'a/b', 'a\\b', '../a', 'a b'].map((name): [object, string] => [
        named(name),
        'checkpoints.0.name',
      ]),
      [withFile({ bytes: -1 }), 'checkpoints.0.files.a.json.bytes'],
      [withFile({ bytes: 0.5 }), 'checkpoints.0.files.a.json.bytes'],
      ...['a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64), 'g'.repeat(64)].map((sha256): [object, string] => [
        withFile({ sha256 }),
        'checkpoints.0.files.a.json.sha256',
      ]),
      [withFile({ more: 1 }), 'checkpoints.0.files.a.json'],
      ...[
        'reference-.safetensors',
        'reference-g.safetensors',
        'reference-1.safetensors.x',
        'x-reference-1.safetensors',
      ].map((file): [object, string] => [
        { checkpoints: [{ ...ENTRY, files: { [file]: FILE } }] },
        'checkpoints.0',
      ]),
      [withFile({ sha256: 7 }), 'checkpoints.0.files.a.json.sha256'],
      [{ checkpoints: [], best: { ...BEST, name: '../a' } }, 'best.name'],
      [{ checkpoints: [], best: { ...BEST, step: -1 } }, 'best.step'],
      [{ checkpoints: [], best: { ...BEST, accuracy: null } }, 'best.accuracy'],
      [{ checkpoints: [], best: { ...BEST, more: 1 } }, 'best'],
    ])('%j is refused, and the place named: %s', (manifest, place) => {
      write(manifest);
      const path = join(directory, 'manifest.json');
      expect(() => new Checkpoints(directory)).toThrow(
        expect.objectContaining({
          ...{ code: 'DAMAGED', where: path, fix: expect.stringContaining('a copy') },
          message: expect.stringContaining(`${path}: ${place}: `),
        }),
      );
    });

    test('of a newer version is called that, and not damage', () => {
      write({ checkpoints: [], version: 2, more: 1 });
      const problem = 'a newer version of mathformer wrote it (format 2; this one reads 1)';
      expect(() => new Checkpoints(directory)).toThrow(
        expect.objectContaining({ code: 'NEWER_VERSION', message: expect.stringContaining(problem) }),
      );
    });

    test('that is no JSON is called that', () => {
      writeFileSync(join(directory, 'manifest.json'), '{');
      expect(() => new Checkpoints(directory)).toThrow('manifest.json: it is no JSON');
    });
  });

  test('whose files are as they were written, but make no sense, are damaged all the same', () => {
    saved([1]);
    const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
    /** Replace a file, also in the manifest, and return the error of loading it. */
    const replaced = (file: string, content: Uint8Array | string): void => {
      const path = join(directory, file);
      const before = readFileSync(path);
      writeFileSync(path, content);
      const about = {
        bytes: Buffer.byteLength(content),
        sha256: createHash('sha256').update(content).digest('hex'),
      };
      const [entry] = manifest.checkpoints;
      const changed = { ...entry, files: { ...entry.files, [file]: about } };
      const text = JSON.stringify({ ...manifest, checkpoints: [changed] });
      writeFileSync(join(directory, 'manifest.json'), text);
      try {
        new Checkpoints(directory).latest(noDamage);
      } finally {
        writeFileSync(path, before);
      }
    };
    const path = join(directory, 'step1.json');
    const document = JSON.parse(readFileSync(path, 'utf8'));
    expect(() => replaced('step1.json', JSON.stringify(document))).not.toThrow();
    for (const [key, value] of [
      ...Object.keys(document).map((key) => [key, -7]),
      ...['weights', 'optimizer', 'reference'].map((key) => [key, '../step1.json']),
    ]) {
      expect(() => replaced('step1.json', JSON.stringify({ ...document, [key]: value }))).toThrow(
        expect.objectContaining({
          code: 'DAMAGED',
          where: path,
          message: expect.stringContaining(`${key}: `),
        }),
      );
    }
    expect(() => replaced('step1.json', JSON.stringify({ ...document, more: 1 }))).toThrow(/more/);
    const integers = { dtype: 'I32', shape: [1], data: Int32Array.of(1) } as const;
    const optimizer = writeSafetensors({ tensors: new Map([['exp_avg', integers]]), metadata: new Map() });
    expect(() => replaced('step1.optimizer.safetensors', optimizer)).toThrow(
      expect.objectContaining({
        ...{ code: 'DAMAGED', where: join(directory, 'step1.optimizer.safetensors'), fix: 'put a copy back' },
        message: expect.stringContaining('exp_avg is not of float32'),
      }),
    );
  });

  test('a disk that fills up at any write leaves the ones before, and nothing else that counts', () => {
    saved([1, 2]);
    const before = new Checkpoints(directory).entries;
    for (let fits = 0; fits < 4; fits++) {
      let writes = 0;
      const files: FileOperations = {
        ...fs,
        writeFileSync: (file, data) => {
          if (writes++ < fits) return fs.writeFileSync(file, data);
          fs.writeFileSync(file, Buffer.from(data as Uint8Array).subarray(0, 100));
          throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        },
      };
      expect(() => saved([3], {}, files)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
      const checkpoints = new Checkpoints(directory);
      expect(checkpoints.entries).toEqual(before);
      expect(checkpoints.latest(noDamage)?.step).toBe(2);
      expect(readdirSync(directory).filter((file) => file.endsWith('.tmp'))).toEqual([]);
    }
  });

  test('weights that are not finite are refused, and what was there stays', () => {
    const checkpoints = saved([1]);
    const bad = new Map(at(2).model.stateDict);
    const { shape, data } = bad.get('out_proj.bias') ?? { shape: [], data: new Float32Array() };
    bad.set('out_proj.bias', { shape, data: data.map(() => Number.NaN) });
    const checkpoint = { ...at(2), model: { ...at(2).model, stateDict: bad } };
    expect(() => checkpoints.save(checkpoint, { name: 'step2', step: 2 })).toThrow(
      expect.objectContaining({ code: 'NON_FINITE' }),
    );
    expect(new Checkpoints(directory).latest(noDamage)?.step).toBe(1);
  });
});
