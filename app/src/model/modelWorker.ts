/** Calls the worker that computes with models. */
import { MathformerError } from 'mathformer';
import type { GroupOptions, PracticeOptions } from './operations.ts';
import type { Arguments, OperationName, Request, Response, Result } from './protocol.ts';
import { errorFrom, NOT_OPEN } from './protocol.ts';

/** A request that waits for its answer. */
interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class ModelWorker {
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #next = 0;

  /** Compute an operation. @throws MathformerError, or the error of a worker that cannot start. */
  call<Name extends OperationName>(name: Name, ...args: Arguments<Name>): Promise<Result<Name>> {
    const worker = this.#started();
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: (result) => resolve(result as Result<Name>), reject });
      worker.postMessage({ id, name, args } satisfies Pick<Request, 'id'> & {
        name: Name;
        args: Arguments<Name>;
      });
    });
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<Response>) => this.#settle(data));
    worker.addEventListener('error', ({ message }) => this.#fail(message));
    this.#worker = worker;
    return worker;
  }

  #settle(response: Response): void {
    const pending = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    if ('failure' in response) pending?.reject(errorFrom(response.failure));
    else pending?.resolve(response.result);
  }

  /** The worker is broken: what waits fails, and the next call starts another one. */
  #fail(message: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    const error = new Error(message || 'the part of the page that computes cannot start; reload the page');
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** The worker of this page. It starts with the first call. */
export const modelWorker = new ModelWorker();

/** A model that is read and opened when it is first used, and again when others have taken its place. */
export class ModelHandle {
  /**
   * @param key names the model among all; the same key is the same model.
   * @param read reads the checkpoint, whose name errors have.
   */
  constructor(
    private readonly key: string,
    private readonly read: () => Promise<{ readonly bytes: Uint8Array; readonly name: string }>,
  ) {}

  vocabulary(): Promise<Result<'vocabulary'>> {
    return this.#opened(() => modelWorker.call('vocabulary', this.key));
  }

  tokens(text: string, withAnswer: boolean): Promise<Result<'tokens'>> {
    return this.#opened(() => modelWorker.call('tokens', this.key, text, withAnswer));
  }

  attend(ids: readonly number[]): Promise<Result<'attend'>> {
    return this.#opened(() => modelWorker.call('attend', this.key, ids));
  }

  sample(options: GroupOptions): Promise<Result<'sample'>> {
    return this.#opened(() => modelWorker.call('sample', this.key, options));
  }

  practise(options: PracticeOptions): Promise<Result<'practise'>> {
    return this.#opened(() => modelWorker.call('practise', this.key, options));
  }

  async #opened<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MathformerError) || error.code !== NOT_OPEN) throw error;
      const { bytes, name } = await this.read();
      await modelWorker.call('open', this.key, bytes, name);
      return work();
    }
  }
}
