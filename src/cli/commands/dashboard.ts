/** `dashboard [DIR]`: serves the app over the runs below a directory, on this machine alone, until it is stopped. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Hono } from 'hono';
import { z } from 'zod';
import { problemOf } from '../../base/errors.ts';
import { BadOptionError, integer, yesOrNo } from '../../base/options.ts';
import { DEFAULT_PORT, listen } from '../../dashboard/listen.ts';
import { printable } from '../../formats/error.ts';
import { findRuns } from '../../runs/findRuns.ts';
import { outputSchema } from '../../training/commandOptions.ts';
import { throwing } from '../failure.ts';
import { addFlags, filledOperand, readFlags } from '../flags/flags.ts';
import { hasScreen, openBrowser } from '../openBrowser.ts';
import { Reporter } from '../reporter.ts';
import { StopRequest } from '../stopRequest.ts';

const { json } = outputSchema.shape;

const dashboardFlags = z.strictObject({
  port: integer(0, 65_535)
    .optional()
    .describe(`port on 127.0.0.1 (default: ${DEFAULT_PORT}, or a free one if that is in use)`),
  open: yesOrNo().default(true).describe('open the dashboard in the browser, where there is a screen'),
  json,
});

/** @throws BadOptionError for a directory that cannot be served; MathformerError if the port is in use. */
async function run(directory: string, flags: z.output<typeof dashboardFlags>): Promise<void> {
  checkDirectory(directory);
  const reporter = new Reporter({ json: flags.json, quiet: false });
  await using server = await listen(await appOver(directory, reporter), flags.port);
  const stopped = new Promise<void>((stop) => {
    const request = new StopRequest(() => {
      process.exitCode = request.exitCode;
      stop();
    });
    // A training that began this dashboard has ended.
    process.once('disconnect', stop);
  });
  const { address } = server;
  const runs = findRuns(directory);
  reporter.line(
    `${runs.length} ${runs.length === 1 ? 'run' : 'runs'} below ${resolve(directory)}; Ctrl-C ends the dashboard`,
  );
  reporter.line(address);
  reporter.document({ address, directory: resolve(directory), runs: runs.map(({ id }) => id) });
  if (flags.open && hasScreen())
    await openBrowser(
      pageOf(
        address,
        runs.map(({ id }) => id),
      ),
    );
  await stopped;
}

/** Build the server over a directory. */
async function appOver(directory: string, reporter: Reporter): Promise<Hono> {
  const { dashboardApp } = await import('../../dashboard/app.ts');
  return dashboardApp({ directory, app: await builtApp(reporter) });
}

/** Return the address of the first page: that of the run if there is just one. */
function pageOf(address: string, ids: readonly string[]): string {
  const [id] = ids;
  return ids.length === 1 && id !== undefined
    ? `${address}#/run/server/${encodeURIComponent(id)}/overview`
    : address;
}

/** Return the directory of the built app; undefined without it: the runs are served all the same. */
async function builtApp(reporter: Reporter): Promise<string | undefined> {
  const { builtPart } = await import('../../dashboard/builtApp.ts');
  try {
    return await builtPart('app', () => reporter.note('Building the pages …'));
  } catch (error) {
    const fix = error instanceof Error && 'fix' in error ? ` — ${error.fix}` : '';
    reporter.line(`warning: ${problemOf(error)}${fix}`);
    return undefined;
  }
}

function checkDirectory(directory: string): void {
  const about = statSync(directory, { throwIfNoEntry: false });
  if (about?.isDirectory()) return;
  const problem = `${printable(directory)}: ${about ? 'it is no directory' : 'there is no such directory'}`;
  throw new BadOptionError('directory', problem, 'give a directory with runs, or that of a run');
}

/** Build `dashboard [directory]`. */
export function dashboardCommand(): Command {
  const command = throwing(new Command('dashboard'))
    .description(
      'Shows runs in a browser, those in training live. Nothing is changed, and no other machine can see them.',
    )
    .argument('[directory]', 'directory with runs, or that of a run', filledOperand, 'runs');
  return addFlags(command, dashboardFlags).action((directory: string) =>
    run(directory, readFlags(command, dashboardFlags)),
  );
}
