/** The files of a run on disk: all that lie in it, and nothing that lies elsewhere. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DiskFiles, isFileName } from '../../src/runs/diskFiles.ts';

let parent: string;
let files: DiskFiles;
const at = (name: string): string => join(files.directory, name);
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-files-'));
  files = new DiskFiles(join(parent, 'run'));
  mkdirSync(at('trace'), { recursive: true });
  writeFileSync(at('config.json'), '{}');
  writeFileSync(at('trace/step1.safetensors'), 'abc');
  writeFileSync(join(parent, 'secret'), 'secret');
});
afterEach(() => rmSync(parent, { recursive: true }));

const names = (): string[] => files.list().map(({ name }) => name);
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

describe('the files of a run', () => {
  test('are listed in the order of their names, with size and time', () => {
    writeFileSync(at('.metrics.jsonl.0badcafe.tmp'), 'torn');
    expect(names()).toEqual(['config.json', 'trace/step1.safetensors']);
    expect(files.list()[1]).toEqual({
      name: 'trace/step1.safetensors',
      bytes: 3,
      modified: expect.any(Number),
    });
  });

  test('are read whole, from an offset, to an end, and behind it', () => {
    const read = (from?: number, end?: number) => text(files.read('trace/step1.safetensors', from, end));
    expect([read(), read(1), read(1, 2), read(3), read(9)]).toEqual(['abc', 'bc', 'b', '', '']);
    expect(files.read('nothing')).toBeUndefined();
  });

  test('are refused by names that lead elsewhere', () => {
    const outside = [
      '../secret',
      'trace/../../secret',
      join(parent, 'secret'),
      '..',
      '.',
      '',
      'trace',
      'trace/',
      '/',
      'a\0b',
      '..\\secret',
      'C:secret',
      './config.json',
      'trace//step1.safetensors',
    ];
    for (const name of outside) {
      expect([name, files.read(name), files.stat(name)]).toEqual([name, undefined, undefined]);
    }
    expect(isFileName('trace/step1.safetensors')).toBe(true);
  });

  test('are only below the directory, whatever the name', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('..', '.', '/', '\\', 'secret', 'run', 'trace', '%2e', '\0')),
        (parts) => {
          expect(text(files.read(parts.join('')))).not.toBe('secret');
          expect(text(files.read(parts.join('/')))).not.toBe('secret');
        },
      ),
    );
  });

  test('are no links, pipes or directories', () => {
    symlinkSync(join(parent, 'secret'), at('link'));
    symlinkSync(parent, at('up'));
    execFileSync('mkfifo', [at('pipe')]);
    expect(names()).toEqual(['config.json', 'trace/step1.safetensors']);
    for (const name of ['link', 'up/secret', 'up', 'pipe']) expect(files.read(name)).toBeUndefined();
    // A second name of a file in the run is a file of the run.
    linkSync(at('config.json'), at('copy.json'));
    expect(text(files.read('copy.json'))).toBe('{}');
  });

  test('cannot be listed where there is no directory', () => {
    rmSync(files.directory, { recursive: true });
    expect(() => files.list()).toThrow(/no such file or directory/);
    expect(files.read('config.json')).toBeUndefined();
  });
});
