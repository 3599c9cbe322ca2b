/** Builds the page of reports, one file: `npm run report:build` writes it to dist/report. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { viteSingleFile } from 'vite-plugin-singlefile';
import { PACKAGE_ALIAS } from './packageAlias.ts';
import { reportPlace, reportPolicy, workersInside } from './reportPage.ts';
import { VERSION } from './version.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  root: path('.'),
  base: './',
  publicDir: false,
  resolve: {
    alias: [
      ...PACKAGE_ALIAS,
      {
        find: /^\.\.\/(lab\/LabPage|learn\/LearnPage|lend\/LendPage)\.tsx$/,
        replacement: path('src/report/elsewhere.tsx'),
      },
    ],
  },
  plugins: [reportPlace(), workersInside(), viteSingleFile(), reportPolicy()],
  worker: { format: 'iife', rolldownOptions: { output: { codeSplitting: false } } },
  define: { __VERSION__: JSON.stringify(VERSION) },
  build: { outDir: path('../dist/report'), emptyOutDir: true, target: 'es2023' },
});
