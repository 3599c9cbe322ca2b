/** A small EventSource over a fetch, since Node 20 has none: it parses a stream, and connects again when it breaks. */

interface Heard {
  readonly data?: unknown;
  readonly lastEventId?: string;
}

/** Listens to server-sent events (HTML, 9.2). */
export class TestEventSource {
  readyState = 0;
  readonly #listeners = new Map<string, ((event: Heard) => void)[]>();
  #lastEventId = '';
  #abort = new AbortController();
  #isClosed = false;

  constructor(
    readonly url: string,
    private readonly request: (
      url: string,
      init: { headers: Record<string, string>; signal: AbortSignal },
    ) => Promise<Response>,
    private readonly retryMs = 20,
  ) {
    void this.#run();
  }

  addEventListener(type: string, listener: (event: Heard) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  /** Break the connection, as a network does. */
  breakOff(): void {
    this.#abort.abort();
  }

  close(): void {
    this.#isClosed = true;
    this.readyState = 2;
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#abort = new AbortController();
      try {
        const headers: Record<string, string> =
          this.#lastEventId === '' ? {} : { 'Last-Event-ID': this.#lastEventId };
        const answer = await this.request(this.url, { headers, signal: this.#abort.signal });
        if (!answer.ok || !answer.body) throw new Error(`${answer.status}`);
        this.readyState = 1;
        this.#tell('open', {});
        await this.#read(answer.body);
      } catch {
        // The connection broke.
      }
      if (this.#isClosed) return;
      this.readyState = 0;
      this.#tell('error', {});
      await new Promise((resolve) => setTimeout(resolve, this.retryMs));
    }
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    const reader = body.getReader();
    this.#abort.signal.addEventListener('abort', () => reader.cancel());
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += decoder.decode(read.value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#dispatch(block);
    }
  }

  #dispatch(block: string): void {
    const fieldsOf = (name: string): string[] =>
      block
        .split('\n')
        .flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []));
    const [id] = fieldsOf('id');
    if (id !== undefined) this.#lastEventId = id;
    const [event] = fieldsOf('event');
    if (event !== undefined)
      this.#tell(event, { data: fieldsOf('data').join('\n'), lastEventId: this.#lastEventId });
  }

  #tell(type: string, event: Heard): void {
    if (this.#isClosed) return;
    for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }
}
