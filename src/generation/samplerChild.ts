/** A generating process, from the side of the process that started it. */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { GpuError } from '../base/errors.ts';
import type { Completion } from '../model/completions.ts';
import type { Reply, Request, Setup } from './messages.ts';

/** The current weights of a model. */
export interface Weights {
  /** Changes with the weights. */
  readonly version: number;
  /** Return all parameters, in the order of `Parameters.data`. */
  read(): Promise<Float32Array<ArrayBuffer>>;
}

/** Number of characters of a process's standard error that the error about its end quotes. */
const LAST_WORDS = 1000;

/** Codes of errors after which a new process can repeat the request: the process or its device was lost. */
const CAN_BE_REPLACED: readonly string[] = ['PROCESS_ENDED', 'DEVICE_LOST'];

/** A generating process. It starts when it is first needed, and again after it has ended. */
export class SamplerChild {
  readonly #setup: Setup;
  #child: ChildProcess | undefined;
  #lastWords = '';
  /** Version of the weights that the process has. */
  #version: number | undefined;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  /**
   * Generate with these weights. If the process ends or loses its device, repeat the request once in a new process.
   * @throws GpuError if the new process fails too, if generating fails, or if `end` was called.
   */
  async generate(weights: Weights, request: Request): Promise<Completion[]> {
    try {
      return await this.#ask(weights, request);
    } catch (error) {
      if (!(error instanceof GpuError && CAN_BE_REPLACED.includes(error.code))) throw error;
      return this.#ask(weights, request);
    }
  }

  /** End the process, if there is one. */
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
    child.on('error', () => {}); // the next request reports it
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

  /** Send a request and wait for its reply. Only while waiting does the child keep this process from exiting. */
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
      // The channel of an ending process may close before its `exit` event.
      child.ref();
      child.channel?.ref();
      child.send(request, (error) => error && ended());
    });
  }

  #endOf({ exitCode, signalCode, killed }: ChildProcess): GpuError {
    if (killed) {
      const fix = 'wait for `generate` before disposing of the sampler';
      return new GpuError('generation was cancelled: the sampler was disposed of', {
        code: 'DISPOSED',
        where: 'generation',
        fix,
      });
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

/** Start a process whose driver uses no threads: lavapipe reads their number from the environment. */
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

/** Return the URL of the module with which Node loads TypeScript, for a process that is not compiled. */
const typeScriptLoader = (): string => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
