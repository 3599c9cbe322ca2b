/** A stage for chaos: a server behind a proxy, a trainer and workers as processes, and the run that they make. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { credentialsFile } from '../../src/cli/cluster/clusterDirectory.ts';
import { NatsServer } from '../cluster/natsServer.ts';
import { SecureServer } from '../cluster/secureServer.ts';
import { next, type RunTraces, tracesOf } from '../crash/kill.ts';
import { Child, type ChildOptions } from './child.ts';
import { until } from './deadline.ts';
import { type Direction, TcpProxy } from './tcpProxy.ts';

/** Environment variable that marks the processes of a stage. */
const MARK = 'MATHFORMER_CHAOS';
/** Seconds within which a process starts, on a busy machine. */
const START_SECONDS = 60;
/** Seconds within which a run that nothing disturbs any more makes a step, or ends. */
const RUN_SECONDS = 600;
/** Seconds within which a worker ends after its run. */
const END_SECONDS = 60;

const OBSERVER = { name: 'observer', maxReconnectAttempts: -1, reconnectTimeWait: 100 };

/** A process of the stage. */
interface Role {
  readonly name?: string;
  /** Its way to the server. Default: the proxy of the stage. */
  readonly proxy?: TcpProxy;
  readonly launcher?: readonly string[];
  /** The name of its credentials, on a secure stage. */
  readonly credentials?: string;
}

/** A server, a proxy, a trainer and workers. Disposing of it ends all of them, and removes the run. */
export class Stage implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'mathformer-chaos-'));
  /** The run's directory. */
  readonly out = join(this.directory, 'run');
  /** Results that the server took from workers. */
  results = 0;
  readonly #mark = randomUUID();
  readonly #children: Child[] = [];
  readonly #proxies: TcpProxy[] = [];
  #trainer: Child | undefined;

  private constructor(
    readonly training: readonly string[],
    readonly server: NatsServer,
    /** The way to the server, unless another is given. */
    readonly proxy: TcpProxy,
    private readonly observer: NatsConnection,
    /** The keys of the server, on a secure stage. */
    readonly secure: SecureServer | undefined,
  ) {
    this.#proxies.push(proxy);
    observer.subscribe('mf.*.r.>', {
      callback: () => {
        this.results += 1;
      },
    });
  }

  /** Set up a stage for a training, given by its arguments. A secure one has a server with TLS and credentials. */
  static async open(training: readonly string[], { isSecure = false } = {}): Promise<Stage> {
    const secure = isSecure ? await SecureServer.start() : undefined;
    const server = secure?.server ?? (await NatsServer.start());
    const observer = secure
      ? (await secure.connect('trainer')).nats
      : await connect({ ...OBSERVER, servers: server.url });
    return new Stage(training, server, await TcpProxy.start(server), observer, secure);
  }

  /** Open another way to the server. */
  async way(host?: string): Promise<TcpProxy> {
    const proxy = await TcpProxy.start({ port: this.server.port, ...(host !== undefined && { host }) });
    this.#proxies.push(proxy);
    return proxy;
  }

  /** Start a worker, and wait for its first words. */
  async worker({ proxy = this.proxy, ...role }: Role = {}): Promise<Child> {
    const name = role.name ?? `worker ${this.#children.length}`;
    const child = this.#start({ ...role, name }, [
      ...['worker', this.#url(proxy), '--once', '--threads', '1'],
      ...this.#keys(role.credentials ?? 'worker-1', ['--creds', '--ca']),
    ]);
    await child.says(/\n/, START_SECONDS);
    return child;
  }

  /** Wait until the workers work for the run: from then on they end with it. */
  async joined(workers: readonly Child[]): Promise<void> {
    await Promise.all(workers.map((worker) => worker.says(/Working for/, START_SECONDS)));
  }

  /** Start the trainer, or resume the run. */
  trainer({ proxy = this.proxy, ...role }: Role = {}): Child {
    const args = [
      ...[...next(this.training, this.out), '--workers', this.#url(proxy)],
      ...this.#keys('trainer', ['--workers_creds', '--workers_ca']),
    ];
    this.#trainer = this.#start({ name: 'trainer', ...role }, args);
    return this.#trainer;
  }

  /** Rows of metrics that the run has. */
  get rows(): number {
    const path = join(this.out, 'metrics.jsonl');
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
  }

  /** Wait until the run has so many more steps. */
  async advances(steps = 1): Promise<void> {
    await this.reaches(this.rows + steps);
  }

  /** Wait until the run has so many steps. */
  async reaches(steps: number): Promise<void> {
    await this.during(`step ${steps}`, () => this.rows >= steps);
  }

  /** Wait until workers have given so many more results. */
  async works(results = 1): Promise<void> {
    const goal = this.results + results;
    await this.during(`${results} results of workers`, () => this.results >= goal);
  }

  /**
   * Wait for a piece of bytes on a way to the server. `strike` is called before the piece passes; the piece and what follows
   * on its connection are lost if it returns true.
   */
  async strikes(
    proxy: TcpProxy,
    moment: { readonly direction: Direction; readonly text: RegExp },
    strike: () => boolean,
  ): Promise<void> {
    let isStruck = false;
    const stop = proxy.watch((piece, direction) => {
      if (isStruck || direction !== moment.direction || !moment.text.test(piece.toString('latin1')))
        return false;
      isStruck = true;
      return strike();
    });
    await this.during(`${moment.text} ${moment.direction}`, () => isStruck).finally(stop);
  }

  /**
   * Wait until the trainer and the living workers have ended by themselves. Return what the run became.
   * @param out the directory of the run, if it was moved.
   * @throws Error if one of them fails, hangs or leaves a process.
   */
  async finishes(out = this.out): Promise<RunTraces> {
    await this.#trainer?.exits(RUN_SECONDS);
    const workers = this.#children.filter(({ name, isAlive }) => isAlive && name.startsWith('worker'));
    await Promise.all(workers.map((worker) => worker.exits(END_SECONDS)));
    const left = this.#processes();
    if (left.length > 0) throw new Error(`processes are left over: ${left}`);
    return tracesOf(out);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
    await this.observer.close();
    for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Wait for something that happens during the run. @throws Error if the run ends before. */
  async during(what: string, holds: () => boolean): Promise<void> {
    const trainer = this.#trainer;
    await until(RUN_SECONDS, what, () => holds() || trainer?.isAlive === false);
    if (!holds()) throw new Error(`the trainer ended before ${what}:\n${trainer?.output}`);
  }

  #url({ url }: TcpProxy): string {
    return this.secure ? url.replace('nats:', 'tls:') : url;
  }

  /** Return the flags of credentials; none on a stage without. */
  #keys(name: string, [credentials = '', ca = '']: readonly string[]): string[] {
    if (!this.secure) return [];
    const path = join(this.secure.cluster, credentialsFile(name));
    return [credentials, path, ca, this.secure.ca];
  }

  #start(role: Pick<ChildOptions, 'name' | 'launcher'>, args: readonly string[]): Child {
    const environment = { [MARK]: this.#mark };
    const child = new Child({ ...role, script: 'src/cli/main.ts', args, environment });
    this.#children.push(child);
    return child;
  }

  /** List the processes with the mark of this stage, children of children among them. On Linux only. */
  #processes(): number[] {
    if (!existsSync('/proc/self/environ')) return [];
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        return environment.includes(`${MARK}=${this.#mark}`) ? [Number(name)] : [];
      } catch {
        return []; // it has ended, or is another user's
      }
    });
  }
}
