/** Lets a limited number in at a time, in the order of their arrival. */
export class Turnstile {
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** Wait for a place. Disposing of it lets the next one in. */
  async enter(): Promise<Disposable> {
    if (this.#inside < this.most) this.#inside++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return {
      [Symbol.dispose]: () => {
        const next = this.#waiting.shift();
        if (next) next();
        else this.#inside--;
      },
    };
  }
}
