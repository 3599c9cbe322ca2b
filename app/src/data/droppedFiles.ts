/** The files of a directory that a person drops on the page, or chooses. */
import { MathformerError } from 'mathformer';

/** A file below a directory. */
export interface DroppedFile {
  /** Path from the directory, which is its first part, with `/`. */
  readonly path: string;
  /** Return the content as it is now. */
  file(): Promise<File>;
}

/** Directories that hold no runs. */
const LEFT_OUT = new Set(['node_modules', '.git']);
const MAX_FILES = 50_000;

/** Return whether something that is dragged may hold a directory. */
export const holdsFiles = (transfer: DataTransfer | null): boolean =>
  transfer?.types.includes('Files') ?? false;

/** Read the files that are dropped. @throws MathformerError if there are more than runs can have. */
export async function droppedFiles(transfer: DataTransfer): Promise<DroppedFile[]> {
  // The items are only there until the event is over.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const files: DroppedFile[] = [];
  for (const entry of entries) await collect(entry, entry.name, files);
  return files;
}

/** Return the files of a directory that was chosen in an `<input webkitdirectory>`. */
export function chosenFiles(input: HTMLInputElement): DroppedFile[] {
  return [...(input.files ?? [])].map((file) => ({
    path: file.webkitRelativePath || file.name,
    file: async () => file,
  }));
}

async function collect(entry: FileSystemEntry, path: string, files: DroppedFile[]): Promise<void> {
  if (isFile(entry)) {
    if (files.length >= MAX_FILES) throw tooMany();
    files.push({ path, file: () => new Promise((resolve, reject) => entry.file(resolve, reject)) });
  } else if (isDirectory(entry) && !LEFT_OUT.has(entry.name)) {
    for (const child of await childrenOf(entry)) await collect(child, `${path}/${child.name}`, files);
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isDirectory = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

/** Read a directory; a browser gives its children in parts, the last of which is empty. */
async function childrenOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (part.length === 0) return children;
    children.push(...part);
  }
}

const tooMany = (): MathformerError =>
  new MathformerError(`the directory has more than ${MAX_FILES.toLocaleString('en')} files`, {
    code: 'TOO_MANY_FILES',
    where: 'the dropped directory',
    fix: 'drop the directory of a run, or one that holds only runs',
  });
