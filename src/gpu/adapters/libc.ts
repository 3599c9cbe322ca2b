/** Functions of the C library that Node lacks. Dawn and Vulkan are C++, and offer neither options nor callbacks for this. */
import { fstatSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

interface Libc {
  dup(descriptor: number): number;
  dup2(from: number, to: number): number;
  /** Close a descriptor. Node's own function warns in a worker thread about descriptors that it has not opened. */
  close(descriptor: number): number;
  /** Lock: wait until no other thread is between `lock` and `unlock`. */
  lock(): void;
  unlock(): void;
  /** Open a file in memory, and return its descriptor. */
  memfd_create(name: string, flags: number): number;
}

let found: Libc | undefined | null = null;

/** Return the C library of Linux; undefined on other systems, or if the package that calls it is not installed. */
export function libc(): Libc | undefined {
  if (found === null) found = process.platform === 'linux' ? load() : undefined;
  return found;
}

function load(): Libc | undefined {
  try {
    const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
    const library = koffi.load(null);
    const flockfile = library.func('void flockfile(void *file)');
    const funlockfile = library.func('void funlockfile(void *file)');
    // The lock of stdin is common to all threads of the process and otherwise unused: Node reads stdin without the C library.
    const stdin: unknown = koffi.decode(library.symbol('stdin'), 'void *');
    return {
      lock: () => flockfile(stdin),
      unlock: () => funlockfile(stdin),
      dup: library.func('int dup(int descriptor)'),
      dup2: library.func('int dup2(int from, int to)'),
      close: library.func('int close(int descriptor)'),
      memfd_create: library.func('int memfd_create(const char *name, unsigned int flags)'),
    };
  } catch {
    return undefined;
  }
}

const STDERR = 2;

/**
 * Run `work`, and remove matching lines from standard error, also those that C++ writes. Threads run one after another, as
 * they share standard error.
 */
export function withoutLines<Result>(unwanted: RegExp, work: () => Result): Result {
  const c = libc();
  if (!c) return work();
  c.lock();
  try {
    return withoutLinesOf(c, unwanted, work);
  } finally {
    c.unlock();
  }
}

function withoutLinesOf<Result>(c: Libc, unwanted: RegExp, work: () => Result): Result {
  const [stderr, held] = [c.dup(STDERR), c.memfd_create('stderr', 0)];
  if (stderr < 0 || held < 0) return work();
  c.dup2(held, STDERR);
  try {
    return work();
  } finally {
    c.dup2(stderr, STDERR);
    const text = Buffer.alloc(fstatSync(held).size);
    readSync(held, text, 0, text.length, 0);
    for (const each of [stderr, held]) c.close(each);
    const lines = text.toString().split(/(?<=\n)/);
    print(lines.filter((line) => !unwanted.test(line)).join(''));
  }
}

/** Print at once, as the process may crash. */
function print(text: string): void {
  try {
    if (text !== '') writeSync(STDERR, text);
  } catch {
    // A failure of stderr cannot be reported.
  }
}
