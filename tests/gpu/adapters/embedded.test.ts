/** The embedded driver: unpacking is checked, atomic, repairs damage, and falls back to another directory. */
import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cacheDirectories,
  dlopenFailure,
  isEmbeddedDriverSupported,
  readTar,
  unpackEmbeddedDriver,
} from '../../../src/gpu/adapters/embedded.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'mathformer-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Make a private directory of this name, like a user's cache. */
function root(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path, { mode: 0o700 });
  return path;
}

describe.runIf(isEmbeddedDriverSupported())('unpackEmbeddedDriver', () => {
  it('gives a manifest that names a library beside it, and a loader that loads', () => {
    const driver = unpackEmbeddedDriver([root('fresh')]);
    const manifest = JSON.parse(readFileSync(driver.manifest, 'utf8'));
    const library = join(driver.directory, manifest.ICD.library_path);
    expect(readFileSync(library).subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(dlopenFailure(driver.loader)).toBeUndefined();
  });

  it('keeps an intact copy and replaces a damaged one', () => {
    const roots = [root('damaged')];
    const { loader, directory } = unpackEmbeddedDriver(roots);
    const unpacked = statSync(loader).ino;
    unpackEmbeddedDriver(roots);
    expect(statSync(loader).ino).toBe(unpacked);

    const bytes = readFileSync(loader);
    writeFileSync(
      loader,
      bytes.map((byte, i) => (i === 4096 ? byte ^ 1 : byte)),
    );
    unpackEmbeddedDriver(roots);
    expect(readFileSync(loader).equals(bytes)).toBe(true);
    expect(readdirSync(join(directory, '..'))).toHaveLength(1);
  });

  it('replaces a copy that is a link, or that others can write', () => {
    const [path, other] = [root('own'), root('elsewhere')];
    const { directory, loader } = unpackEmbeddedDriver([path]);
    const elsewhere = join(other, basename(directory));
    renameSync(directory, elsewhere);
    symlinkSync(elsewhere, directory);
    unpackEmbeddedDriver([path]);
    expect(lstatSync(directory).isDirectory()).toBe(true);
    expect(existsSync(join(elsewhere, 'libvulkan.so.1'))).toBe(true);
    chmodSync(loader, 0o666);
    unpackEmbeddedDriver([path]);
    expect(statSync(loader).mode & 0o777).toBe(0o600);
  });

  it('lets processes that start at once share one copy', async () => {
    const path = root('race');
    const module = pathToFileURL(join(process.cwd(), 'src/gpu/adapters/embedded.ts')).href;
    const script = `import { unpackEmbeddedDriver } from ${JSON.stringify(module)};
      console.log(unpackEmbeddedDriver([${JSON.stringify(path)}]).directory);`;
    const run = () =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    const outputs = await Promise.all([run(), run(), run()]);
    expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(readdirSync(path)).toHaveLength(1);
  });

  it('goes to the next directory when one cannot be used, and tells why when none can', () => {
    const file = join(scratch, 'a-file');
    writeFileSync(file, '');
    const shared = root('shared');
    chmodSync(shared, 0o777);
    const usable = root('usable');
    expect(unpackEmbeddedDriver([file, shared, usable]).directory.startsWith(usable)).toBe(true);
    expect(() => unpackEmbeddedDriver([file, shared])).toThrow(
      expect.objectContaining({
        name: 'AdapterError',
        code: 'DRIVER_NOT_UNPACKED',
        message: expect.stringMatching(/a-file: .*EEXIST.*; .*shared: is writable by other users/),
      }),
    );
  });
});

describe('cacheDirectories', () => {
  it('prefers XDG_CACHE_HOME, but not a relative one', () => {
    expect(cacheDirectories({ XDG_CACHE_HOME: '/cache', HOME: '/home/ada' }).slice(0, 2)).toEqual([
      '/cache/mathformer',
      '/home/ada/.cache/mathformer',
    ]);
    expect(cacheDirectories({ XDG_CACHE_HOME: 'cache', HOME: '/home/ada' })[0]).toBe(
      '/home/ada/.cache/mathformer',
    );
  });
});

describe('readTar', () => {
  it('reads what tar writes', () => {
    const from = root('tar');
    const contents = {
      'empty.txt': '',
      'short.txt': 'seven',
      'block.txt': 'x'.repeat(512),
      'long.txt': 'y'.repeat(1300),
    };
    for (const [name, text] of Object.entries(contents)) writeFileSync(join(from, name), text);
    mkdirSync(join(from, 'folder'));
    const archive = execFileSync('tar', ['--format=ustar', '-cf', '-', '-C', from, '.']);
    const entries = [...readTar(archive)].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]);
    expect(Object.fromEntries(entries)).toEqual(contents);
  });
});
