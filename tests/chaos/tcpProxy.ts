/** A TCP proxy between clients and a server that misbehaves as networks do. */
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

/** A direction of bytes. */
export type Direction = 'toServer' | 'toClient';
/**
 * The state of the network. `pass`: bytes pass. `swallow`: bytes vanish, and connections stay open. `hold`: bytes wait for
 * `pass`.
 */
export type Weather = 'pass' | 'swallow' | 'hold';

/** A connection of a client through the proxy. */
export interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** True once bytes of it vanished: it has a hole, and cannot be used again. */
  torn: boolean;
}

/** Watches pieces of bytes before they pass. It returns true to lose the piece and all later ones of the link. */
export type Watch = (piece: Buffer, direction: Direction, link: Link) => boolean;

/** The address that clients connect to, and the one that they are led to. */
interface Place {
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Port of the server, on 127.0.0.1. */
  readonly port: number;
}

/** A proxy that runs. Disposing of it cuts all connections. */
export class TcpProxy implements AsyncDisposable {
  /** Milliseconds that each piece is late. */
  delay = 0;
  /** Bytes that passed. */
  readonly passed: Record<Direction, number> = { toServer: 0, toClient: 0 };
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #watches = new Set<Watch>();
  readonly #held: (() => void)[] = [];
  #weather: Weather = 'pass';

  private constructor(private readonly place: Place) {
    this.#server = createServer((client) => this.#connect(client));
  }

  /** Start a proxy on a free port. */
  static async start(place: Place): Promise<TcpProxy> {
    const proxy = new TcpProxy(place);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, place.host ?? '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `nats://${this.place.host ?? '127.0.0.1'}:${this.port}`;
  }

  get links(): readonly Link[] {
    return [...this.#links];
  }

  /** Call `watch` for every piece until the returned function is called. */
  watch(watch: Watch): () => void {
    this.#watches.add(watch);
    return () => this.#watches.delete(watch);
  }

  /** Change the weather. With `pass`, what was held passes, and connections that lost bytes are cut. */
  set weather(weather: Weather) {
    this.#weather = weather;
    if (weather !== 'pass') return;
    for (const release of this.#held.splice(0)) release();
    for (const link of this.links) if (link.torn) this.cut(link);
  }

  /** End a connection for both sides, or all connections. */
  cut(...links: readonly Link[]): void {
    for (const { client, server } of links.length > 0 ? links : this.links) {
      client.destroy();
      server.destroy();
    }
  }

  /** End a connection for one side only. The other is not told: what it sends vanishes. */
  halve(link: Link, gone: 'client' | 'server'): void {
    link.torn = true;
    link[gone].destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #connect(client: Socket): void {
    const server = createConnection({ host: '127.0.0.1', port: this.place.port });
    const link: Link = { client, server, torn: false };
    this.#links.add(link);
    this.#lead(link, 'toServer', client, server);
    this.#lead(link, 'toClient', server, client);
  }

  #lead(link: Link, direction: Direction, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on('data', (piece) => this.#pass(link, direction, to, piece));
    // Errors are followed by 'close'.
    from.on('error', () => {});
    from.on('close', () => {
      // Of a torn link the other side is not told.
      if (!link.torn) to.destroy();
      if (link.client.destroyed && link.server.destroyed) this.#links.delete(link);
    });
  }

  #pass(link: Link, direction: Direction, to: Socket, piece: Buffer): void {
    for (const watch of this.#watches) if (watch(piece, direction, link)) link.torn = true;
    if (this.#weather === 'swallow') link.torn = true;
    if (link.torn) return;
    const write = (): void => {
      if (link.torn || to.destroyed) return;
      this.passed[direction] += piece.length;
      to.write(piece);
    };
    // With a delay of their own, pieces stay in order: equal timers fire in order.
    const later = (): void => void (this.delay > 0 ? setTimeout(write, this.delay) : write());
    if (this.#weather === 'hold') this.#held.push(later);
    else later();
  }
}
