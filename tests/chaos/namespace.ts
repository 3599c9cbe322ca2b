/** A network namespace (`ip netns`, Linux, root): a process in it reaches this machine by one cable, which can be pulled. */
import { spawnSync } from 'node:child_process';

const ip = (...words: readonly string[]): boolean => spawnSync('ip', words, { stdio: 'ignore' }).status === 0;

/** A namespace with a cable to this machine. Disposing of it removes both. */
export class Namespace implements Disposable {
  /** This machine's address on the cable. */
  readonly host: string;
  readonly #name: string;
  readonly #cable: string;

  private constructor(id: number) {
    this.#name = `mathformer${id}`;
    this.#cable = `mf${id}`;
    this.host = `10.213.${id % 250}.1`;
  }

  /** Make a namespace; undefined where the machine does not allow it. */
  static open(id: number = process.pid): Namespace | undefined {
    const namespace = new Namespace(id);
    if (namespace.#make()) return namespace;
    namespace[Symbol.dispose]();
    return undefined;
  }

  /** Starts a process inside. */
  get launcher(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name];
  }

  /** Pull the cable, or put it back. Nobody is told: packets are lost. */
  set isConnected(isConnected: boolean) {
    ip('link', 'set', this.#cable, isConnected ? 'up' : 'down');
  }

  [Symbol.dispose](): void {
    ip('netns', 'delete', this.#name);
    ip('link', 'delete', this.#cable);
  }

  #make(): boolean {
    const [name, cable, host] = [this.#name, this.#cable, this.host];
    const inside = host.replace(/1$/, '2');
    return (
      ip('netns', 'add', name) &&
      ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name) &&
      ip('address', 'add', `${host}/24`, 'dev', cable) &&
      ip('link', 'set', cable, 'up') &&
      ip('-n', name, 'address', 'add', `${inside}/24`, 'dev', 'eth0') &&
      ip('-n', name, 'link', 'set', 'eth0', 'up') &&
      ip('-n', name, 'link', 'set', 'lo', 'up')
    );
  }
}
