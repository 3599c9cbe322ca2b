/** Runs as zip files, and as directories that a person chooses. */
import { listingOf, MemoryFiles, type RunFiles, type WritableRunFiles } from 'mathformer/training';

/** Pack a run; unpacked, it is a directory that `mathformer resume` takes. */
export async function packedRun(id: string, files: RunFiles): Promise<Blob> {
  const { downloadZip } = await import('client-zip');
  const names = (await files.list()).map(({ name }) => name);
  const entries = names.map(async (name) => ({
    name: `${id}/${name}`,
    input: (await files.read(name)) ?? '',
  }));
  return downloadZip(await Promise.all(entries)).blob();
}

/** Unpack the files of a run from a zip. @throws Error if it is no zip, or holds no run. */
export async function unpackedRun(bytes: Uint8Array): Promise<MemoryFiles> {
  const { unzipSync } = await import('fflate');
  const entries = unzipped(() => unzipSync(bytes));
  return runIn(Object.entries(entries).filter(([name]) => !name.endsWith('/')));
}

function unzipped<Entries>(unzip: () => Entries): Entries {
  try {
    return unzip();
  } catch (cause) {
    throw new Error('It is no zip, or a damaged one: choose the zip of a run, or a checkpoint.', { cause });
  }
}

/** Read the files of a directory that was chosen. @throws Error if it holds no run. */
export async function chosenRun(files: readonly File[]): Promise<MemoryFiles> {
  const read = files.map(async (file) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return [file.webkitRelativePath || file.name, bytes] as const;
  });
  return runIn(await Promise.all(read));
}

/** Take the files beside and below the first config.json. */
function runIn(entries: readonly (readonly [name: string, bytes: Uint8Array])[]): MemoryFiles {
  const configs = entries.map(([name]) => name).filter((name) => /(^|\/)config\.json$/.test(name));
  const [config] = configs.sort((a, b) => a.length - b.length);
  if (config === undefined) {
    throw new Error('There is no config.json in it: choose the directory of a run, or its zip.');
  }
  const root = config.slice(0, -'config.json'.length);
  const own = entries.filter(([name]) => name.startsWith(root) && !name.endsWith('/lock'));
  return new MemoryFiles(own.map(([name, bytes]) => [name.slice(root.length), bytes]));
}

/** Copy a run that can be read. @throws Error with the problem of one that cannot. */
export async function copyRun(from: MemoryFiles, to: WritableRunFiles): Promise<void> {
  const { state, problem } = await listingOf('upload', from);
  if (state === 'unreadable') throw new Error(problem ?? 'The run cannot be read.');
  // The config makes it a run: it comes last, so that half a copy is none.
  const names = from.list().map(({ name }) => name);
  for (const name of [...names.filter((name) => name !== 'config.json'), 'config.json']) {
    await to.write(name, from.read(name) ?? new Uint8Array());
  }
}
