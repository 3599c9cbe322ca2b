/** Resolves `mathformer/…` to the sources, as the package's exports name them, for the app and its tests. */
import { fileURLToPath } from 'node:url';

const source = (relative: string): string => fileURLToPath(new URL(`../src/${relative}`, import.meta.url));

/** The aliases of Vite's `resolve.alias`. */
export const PACKAGE_ALIAS = [
  { find: /^mathformer$/, replacement: source('index.browser.ts') },
  { find: /^mathformer\/cluster$/, replacement: source('cluster/index.browser.ts') },
  { find: /^mathformer\/math$/, replacement: source('tasks/arithmetic/index.ts') },
  { find: /^mathformer\/(\w+)$/, replacement: source('$1/index.ts') },
];
