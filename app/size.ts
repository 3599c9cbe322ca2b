/** Measures the first page: all that the Lab loads before the person presses Start, and the worker that trains. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Manifest } from 'vite';

const CONFIG = fileURLToPath(new URL('vite.config.ts', import.meta.url));
const ENTRY = 'index.html';
const FIRST_PAGE = 'src/lab/LabPage.tsx';
/** Programs that look for runs load with every page. */
const SOURCES = /^src\/data\/\w+Source\.ts$/;
/** Loads when a directory is dropped. */
const DROPPED = 'src/data/droppedSource.ts';
/** A worker has no place in the manifest: its file is named in the program that starts it. */
const WORKER = /new Worker\(\s*new URL\([`"']([^`"']+\.js)[`"']/g;

/** A file of the first page, with its size as it is sent. */
export interface SentFile {
  readonly name: string;
  readonly gzipBytes: number;
}

/** Build the app into a temporary directory, and return the files of its first page, the largest first. */
export async function firstPageFiles(): Promise<readonly SentFile[]> {
  const directory = await mkdtemp(join(tmpdir(), 'mathformer-size-'));
  const { NODE_ENV } = process.env;
  try {
    process.env.NODE_ENV = 'production'; // Vitest sets another, for which Vite builds what is not published
    await build({ configFile: CONFIG, logLevel: 'error', build: { outDir: directory, manifest: true } });
    const manifest: Manifest = JSON.parse(await readFile(join(directory, '.vite/manifest.json'), 'utf8'));
    const sources = Object.keys(manifest).filter((key) => SOURCES.test(key) && key !== DROPPED);
    const names = await withWorkers(directory, filesOf(manifest, [ENTRY, FIRST_PAGE, ...sources]));
    const files = [...names].map(async (name) => {
      return { name, gzipBytes: gzipSync(await readFile(join(directory, name))).length };
    });
    return (await Promise.all(files)).toSorted((a, b) => b.gzipBytes - a.gzipBytes);
  } finally {
    process.env.NODE_ENV = NODE_ENV ?? 'production';
    await rm(directory, { recursive: true, force: true });
  }
}

/** Return the files of chunks, of all that they import, and of their style sheets. */
function filesOf(manifest: Manifest, entries: readonly string[]): Set<string> {
  const files = new Set([ENTRY]);
  const open = [...entries];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    const chunk = manifest[key];
    if (!chunk) throw new Error(`the build has no ${key}`);
    if (files.has(chunk.file)) continue;
    for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
    open.push(...(chunk.imports ?? []));
  }
  return files;
}

/** Add the workers that programs start, and the workers that those start. */
async function withWorkers(directory: string, files: Set<string>): Promise<Set<string>> {
  const built = await readdir(directory, { recursive: true });
  const open = [...files];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const text = await readFile(join(directory, file), 'utf8');
    for (const [, address = ''] of text.matchAll(WORKER)) {
      const worker = built.find((name) => name.endsWith(address.replace(/^.*\//, '')));
      if (worker === undefined) throw new Error(`the build has no ${address}`);
      if (files.has(worker)) continue;
      files.add(worker);
      open.push(worker);
    }
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = await firstPageFiles();
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`.padStart(10);
  for (const { name, gzipBytes } of files) console.log(kilobytes(gzipBytes), name);
  console.log(kilobytes(files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0)), 'in all, gzip');
}
