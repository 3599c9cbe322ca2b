/** The test files that open no device and start no process: they compile no kernel, and take seconds together. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = import.meta.dirname;
const SOURCES = resolve(ROOT, '../src');
/** Modules that open devices or start processes, from the repository's root or by name. */
const SLOW = [
  ...['src/gpu/node.ts', 'src/index.node.ts', 'webgpu'],
  ...['node:child_process', 'node:worker_threads', 'playwright-core', 'puppeteer-core'],
];
const IMPORT = /(?:from|import\()\s*'([^']+)'/g;

/** Return the paths of the test files below `folder` (relative to tests/) that reach nothing slow through tests/. */
export function testsWithoutDevice(folder = '.', recursive = true): string[] {
  return readdirSync(join(ROOT, folder), { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(ROOT, folder, name))
    .filter((path) => SLOW.every((slow) => !reached(path).has(slow)));
}

/** Collect what a file imports, and what files of tests/ that it imports do. */
function reached(path: string, found = new Set<string>()): ReadonlySet<string> {
  for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(IMPORT)) {
    const target = name.startsWith('.') ? resolve(dirname(path), name) : name;
    const known = target.startsWith(SOURCES) ? relative(dirname(ROOT), target) : target;
    if (found.has(known)) continue;
    found.add(known);
    if (target.startsWith(ROOT) && existsSync(target) && target.endsWith('.ts')) reached(target, found);
  }
  return found;
}
