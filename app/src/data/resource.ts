/** A value that is read when it is first asked for. */
import { type ReadonlySignal, signal } from '@preact/signals';

/** The state of a value that takes time to read. */
export type Loaded<Value> =
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly value: Value }
  | { readonly state: 'failed'; readonly error: unknown };

/** Reads a value once somebody looks at it, and again when it has changed. */
export class Resource<Value> implements Pick<ReadonlySignal<Loaded<Value>>, 'value' | 'peek'> {
  readonly #state = signal<Loaded<Value>>({ state: 'loading' });
  #reading: Promise<void> | undefined;
  #version = 0;

  constructor(private readonly load: () => Promise<Value> | Value) {}

  /** The state; a component that reads it is drawn again when it changes. */
  get value(): Loaded<Value> {
    this.#reading ??= this.#read();
    return this.#state.value;
  }

  /** The value; undefined until it is read, or if that failed. */
  get ready(): Value | undefined {
    const { value } = this;
    return value.state === 'ready' ? value.value : undefined;
  }

  /** The state as it is, without reading and without being told of changes. */
  peek(): Loaded<Value> {
    return this.#state.peek();
  }

  /** Read again, if the value was read before. The one there is stays until the new one has come. */
  refresh(): void {
    if (this.#reading) this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    const version = ++this.#version;
    const state = await this.#result();
    // A later reading has begun: its result counts.
    if (version === this.#version) this.#state.value = state;
  }

  async #result(): Promise<Loaded<Value>> {
    try {
      return { state: 'ready', value: await this.load() };
    } catch (error) {
      return { state: 'failed', error };
    }
  }
}
