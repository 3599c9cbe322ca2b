/** Runs of directories that a person dropped on the page. They are read where they are; nothing is copied or sent. */
import { CONFIG_FILE, type ListedFile, listingOf, type RunFiles } from 'mathformer/training';
import type { DroppedFile } from './droppedFiles.ts';
import type { RunSource } from './source.ts';

/** Return a source of the runs among files; undefined if there is none. */
export function droppedSource(files: readonly DroppedFile[]): RunSource | undefined {
  const runs = runsAmong(files);
  if (runs.size === 0) return undefined;
  const open = (id: string): RunFiles => new DroppedRun(runs.get(id) ?? new Map());
  return {
    name: [...new Set(files.map(({ path }) => path.split('/', 1).join()))].join(', '),
    async list() {
      const listings = await Promise.all([...runs.keys()].map((id) => listingOf(id, open(id))));
      return listings.toSorted((a, b) => b.modified - a.modified);
    },
    open,
    // The files are as they were when they were dropped.
    subscribe: () => () => {},
    watch: () => () => {},
    connection(on) {
      on('static');
      return () => {};
    },
  };
}

type FilesByName = ReadonlyMap<string, DroppedFile>;

/** Find the runs: every directory with a config. A file belongs to the innermost run that it lies in. */
export function runsAmong(files: readonly DroppedFile[]): ReadonlyMap<string, FilesByName> {
  const runs = new Map<string, Map<string, DroppedFile>>();
  for (const { path } of files) {
    const [directory, name] = splitLast(path);
    if (name === CONFIG_FILE && directory !== '') runs.set(directory, new Map());
  }
  for (const file of files) {
    const id = runOf(file.path, runs);
    if (id !== undefined) runs.get(id)?.set(file.path.slice(id.length + 1), file);
  }
  return runs;
}

function runOf(path: string, runs: ReadonlyMap<string, unknown>): string | undefined {
  for (let [directory] = splitLast(path); directory !== ''; [directory] = splitLast(directory)) {
    if (runs.has(directory)) return directory;
  }
  return undefined;
}

function splitLast(path: string): readonly [directory: string, name: string] {
  const at = path.lastIndexOf('/');
  return at < 0 ? ['', path] : [path.slice(0, at), path.slice(at + 1)];
}

class DroppedRun implements RunFiles {
  constructor(private readonly files: FilesByName) {}

  async list(): Promise<readonly ListedFile[]> {
    const listed = [...this.files].map(async ([name, dropped]) => {
      const { size, lastModified } = await dropped.file();
      return { name, bytes: size, modified: lastModified };
    });
    return (await Promise.all(listed)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async read(name: string, from = 0): Promise<Uint8Array | undefined> {
    const file = await this.files.get(name)?.file();
    return file && new Uint8Array(await file.slice(from).arrayBuffer());
  }
}
