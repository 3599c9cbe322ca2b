/** A process that generates, as it is seen from the one that started it. */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { GpuError } from '../base/errors.ts';
import type { Completion } from '../model/sampling.ts';
import type { Reply, Request, Setup } from './messages.ts';

/** The weights of a model at some time. */
export interface Weights {
  /** Differs if the weights do. */
  readonly version: number;
  /** The parameters, as their `data` returns them. */
  read(): Promise<Float32Array<ArrayBuffer>>;
}

/** Characters kept of what a process writes to its standard error, in case that it ends. */
const LAST_WORDS = 1000;

/** The device of a process, or the whole of it, is gone; another one can do the same. */
const CAN_BE_REPLACED: readonly string[] = ['PROCESS_ENDED', 'DEVICE_LOST'];

/** Started when it is first needed, and again if it has ended. */
export class SamplerChild {
  readonly #setup: Setup;
  #child: ChildProcess | undefined;
  #lastWords = '';
  /** Of the weights that it has. */
  #version: number | undefined;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  /**
   * Generates with these weights, by another process if this one ends or loses its device.
   * @throws GpuError if that one does too, if generating fails, or if `end` was called.
   */
  async generate(weights: Weights, request: Request): Promise<Completion[]> {
    try {
      return await this.#ask(weights, request);
    } catch (error) {
      if (!(error instanceof GpuError && CAN_BE_REPLACED.includes(error.code))) throw error;
      return this.#ask(weights, request);
    }
  }

  /** Ends the process, if there is one. */
  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #ask(weights: Weights, request: Request): Promise<Completion[]> {
    try {
      const child = this.#child ?? this.#start();
      const known = this.#version === weights.version;
      const reply = await this.#reply(child, known ? request : { ...request, weights: await weights.read() });
      if ('failure' in reply) throw new GpuError(reply.failure.message, reply.failure);
      this.#version = weights.version;
      return reply.completions;
    } catch (error) {
      this.end();
      throw error;
    }
  }

  #start(): ChildProcess {
    const child = startProcess();
    child.on('error', () => {}); // told by whatever is asked of it
    if (!child.channel) throw this.#endOf(child);
    child.stderr?.on('data', (words: Buffer) => {
      this.#lastWords = (this.#lastWords + words.toString()).slice(-LAST_WORDS);
    });
    child.send(this.#setup, () => {});
    this.#child = child;
    this.#version = undefined;
    this.#lastWords = '';
    return child;
  }

  /** What the process answers. It keeps this one from exiting only as long as it is asked something. */
  #reply(child: ChildProcess, request: Request): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      const ended = (): void => {
        settled();
        reject(this.#endOf(child));
      };
      const settled = (): void => {
        child.off('message', answered).off('exit', ended).off('error', ended);
        child.channel?.unref();
        child.unref();
      };
      const answered = (reply: unknown): void => {
        settled();
        resolve(reply as Reply);
      };
      child.once('message', answered).once('exit', ended).once('error', ended);
      // The channel of a process that ends may close before its end is told.
      child.ref();
      child.channel?.ref();
      child.send(request, (error) => error && ended());
    });
  }

  #endOf({ exitCode, signalCode, killed }: ChildProcess): GpuError {
    if (killed) {
      const fix = 'wait for what is generated before disposing of the sampler';
      return new GpuError('generation was ended', { code: 'DISPOSED', where: 'generation', fix });
    }
    const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
    const words = this.#lastWords.trim();
    return new GpuError(`a process that generates ended ${how}${words && `: ${words}`}`, {
      code: 'PROCESS_ENDED',
      where: 'generation',
      fix: 'free memory, or generate in fewer processes: --generation_processes',
    });
  }
}

/** A process whose driver computes without threads of its own; lavapipe reads their number from the environment. */
function startProcess(): ChildProcess {
  const extension = extname(import.meta.url);
  const path = fileURLToPath(new URL(`./samplerProcess${extension}`, import.meta.url));
  const child = fork(path, {
    env: { ...process.env, LP_NUM_THREADS: '0' },
    execArgv: extension === '.ts' ? ['--import', typeScriptLoader()] : [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.unref();
  child.channel?.unref();
  (child.stderr as { unref?(): void } | null)?.unref?.();
  return child;
}

/** What lets Node load TypeScript, when this is not compiled. */
const typeScriptLoader = (): string => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
