/** Finds the built app; a checkout builds it first. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MathformerError } from '../base/errors.ts';

/** Parts of the build: the app for a server, and the page that a report is made of. */
export type BuiltPart = 'app' | 'report';

const BUILDS = {
  app: { config: 'app/vite.config.ts', script: 'npm run app:build' },
  report: { config: 'app/vite.report.config.ts', script: 'npm run report:build' },
} as const;

/** The root of the package, or of the checkout. */
const ROOT = new URL('../../', import.meta.url);

/**
 * Return the directory of a built part.
 * @param onBuild is called before a build, which takes a few seconds.
 * @throws MathformerError, APP_NOT_BUILT, if it is not built and cannot be built here.
 */
export async function builtPart(part: BuiltPart, onBuild: () => void = () => {}): Promise<string> {
  const directory = fileURLToPath(new URL(`dist/${part}/`, ROOT));
  if (existsSync(`${directory}index.html`)) return directory;
  const { config, script } = BUILDS[part];
  const source = fileURLToPath(new URL(config, ROOT));
  if (!existsSync(source)) throw notBuilt(directory, 'install the package again');
  onBuild();
  try {
    const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');
    await promisify(execFile)(process.execPath, [vite, 'build', '--config', source], {
      cwd: fileURLToPath(ROOT),
    });
    return directory;
  } catch (cause) {
    throw notBuilt(directory, `run ${script}, and see what is wrong`, cause);
  }
}

function notBuilt(where: string, fix: string, cause?: unknown): MathformerError {
  const problem = `${where}: the pages of the dashboard are not built`;
  return new MathformerError(problem, { code: 'APP_NOT_BUILT', where, fix }, { cause });
}
