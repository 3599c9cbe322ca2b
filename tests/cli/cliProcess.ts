/** Run command lines of src/cli in separate processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the match when stdout or stderr matches. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Start a command by name or path. `preload` is loaded before it. */
export function start(script: string, args: readonly string[], preload?: string): Started {
  const path = script.includes('/') ? script : `src/cli/${script}.ts`;
  const imports = ['tsx', ...(preload === undefined ? [] : [preload])].flatMap((name) => ['--import', name]);
  return launch(process.execPath, [...imports, path, ...args]);
}

/** Start any command line, in a new process group if `detached`. With `input`, its stdin can be written to. */
export function launch(
  command: string,
  args: readonly string[],
  { detached = false, input = false }: { readonly detached?: boolean; readonly input?: boolean } = {},
): Started {
  const child = spawn(command, args, { stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'], detached });
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  const heard = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    heard();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    heard();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
    });
  });
  const said = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stdout + stderr);
        if (match) resolve(match);
      };
      listeners.add(look);
      look();
      ended.then(() => reject(new Error(`it never said ${pattern}: ${stdout}${stderr}`)), reject);
    });
  return { child, ended, said };
}

export function run(script: string, ...args: string[]): Promise<Ended> {
  return start(script, args).ended;
}

/** Return the model files in the checkpoints of a run, without the other files that resuming needs. */
export function savedModels(directory: string): string[] {
  return readdirSync(join(directory, 'checkpoints'))
    .filter((name) => /^(rl_)?model_\w+\.safetensors$/.test(name))
    .sort();
}
