/** Builds the app: `npm run app` serves it for development, `npm run app:build` writes it to dist/app. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { contentSecurityPolicy } from './contentSecurityPolicy.ts';
import { layersInOrder } from './layerOrder.ts';
import { PACKAGE_ALIAS } from './packageAlias.ts';
import { pwa } from './pwa.ts';
import { VERSION } from './version.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Headers of a page that may share memory between threads. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  root: path('.'),
  // Relative addresses: the same files work below any path, as GitHub Pages serves them.
  base: './',
  // The app imports the package as others do.
  resolve: { alias: PACKAGE_ALIAS },
  plugins: [contentSecurityPolicy(), layersInOrder(), pwa()],
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
  worker: { format: 'es' },
  define: { __VERSION__: JSON.stringify(VERSION) },
  build: { outDir: path('../dist/app'), emptyOutDir: true, target: 'es2023' },
});
