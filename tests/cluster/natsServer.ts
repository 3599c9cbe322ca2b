/** A real NATS server for tests: Debian's package `nats-server`. Tests without it are skipped, with a line that says so. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** True if this machine has the server. */
export const hasNatsServer = spawnSync('nats-server', ['--version']).status === 0;

/** Options of a server. */
interface ServerOptions {
  /** Further lines of its configuration. */
  readonly config?: string;
  /** The whole configuration, given the port, the port of WebSockets and the directory of its streams. */
  readonly wholeConfig?: (place: Place) => string;
  /** Writes the configuration and what belongs to it. Returns its path. The server starts in its directory. */
  readonly configFile?: (place: Place) => Promise<string>;
}

interface Place {
  readonly port: number;
  readonly webSocketPort: number;
  readonly directory: string;
}

/** A server that runs. Disposing of it kills it and removes what it stored. */
export class NatsServer implements AsyncDisposable {
  #process: ChildProcess | undefined;
  #config = '';

  private constructor(
    readonly port: number,
    readonly webSocketPort: number,
    readonly directory: string,
  ) {}

  static async start({ config = '', wholeConfig, configFile }: ServerOptions = {}): Promise<NatsServer> {
    const directory = mkdtempSync(join(tmpdir(), 'mathformer-nats-'));
    const server = new NatsServer(await freePort(), await freePort(), directory);
    server.#config = (await configFile?.(server)) ?? join(directory, 'nats.conf');
    if (!configFile) writeFileSync(server.#config, wholeConfig?.(server) ?? openConfig(server, config));
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.webSocketPort}`;
  }

  /** Its process; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Start it again, on the same port and with what it stored. */
  async start(): Promise<void> {
    const child = spawn('nats-server', ['-c', this.#config], {
      cwd: dirname(this.#config),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    let said = '';
    const isReady = new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (data) => {
        said += data;
        if (said.includes('Server is ready')) resolve();
      });
      child.once('exit', (code) => reject(new Error(`nats-server ended with ${code}: ${said}`)));
    });
    await Promise.race([
      isReady,
      sleep(10_000, undefined, { ref: false }).then(() => {
        throw new Error(`nats-server is not ready: ${said}`);
      }),
    ]);
  }

  /** Make it read its configuration again. */
  reload(): void {
    this.#process?.kill('SIGHUP');
  }

  /** Kill it, and wait for its end. What it stored stays. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Remove what it stored. */
  forget(): void {
    rmSync(join(this.directory, 'streams'), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const openConfig = ({ port, webSocketPort, directory }: NatsServer, config: string): string => `
listen: "127.0.0.1:${port}"
jetstream { store_dir: "${directory}/streams" }
websocket { listen: "127.0.0.1:${webSocketPort}", no_tls: true }
${config}
`;

/** Return a port below those that the system gives to connections: none of them takes it before the server does. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
