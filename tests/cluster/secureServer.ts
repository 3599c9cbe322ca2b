/** A server with the configuration that `mathformer cluster init` writes, and connections with its credentials. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ClusterDirectory,
  type ClusterOptions,
  credentialsFile,
} from '../../src/cli/cluster/clusterDirectory.ts';
import type { Connected } from '../../src/cluster/connection/connection.ts';
import { connectNode } from '../../src/cluster/connection/node.ts';
import { NatsServer } from './natsServer.ts';

/** The users of a server, if no others are given. */
const USERS: ClusterOptions['users'] = [
  { name: 'trainer', role: 'trainer', expires: null },
  { name: 'doctor', role: 'doctor', expires: null },
  { name: 'worker-1', role: 'worker', expires: null },
  { name: 'worker-2', role: 'worker', expires: null },
];

/** A server with TLS and credentials. Disposing of it kills it and removes its directory. */
export class SecureServer implements AsyncDisposable {
  private constructor(
    readonly server: NatsServer,
    readonly cluster: string,
  ) {}

  static async start(options: Partial<ClusterOptions> = {}): Promise<SecureServer> {
    const server = await NatsServer.start({
      configFile: async ({ port, webSocketPort, directory }) => {
        await ClusterDirectory.create(join(directory, 'cluster'), {
          listen: '127.0.0.1',
          port,
          webSocketPort,
          monitorPort: 0,
          tls: true,
          origins: [],
          storageBytes: 2 ** 30,
          hosts: ['localhost', '127.0.0.1'],
          users: USERS,
          ...options,
        });
        return join(directory, 'cluster', 'server', 'nats.conf');
      },
    });
    return new SecureServer(server, join(server.directory, 'cluster'));
  }

  get url(): string {
    return `tls://127.0.0.1:${this.server.port}`;
  }

  /** The path of the file with the certificate authority. */
  get ca(): string {
    return join(this.cluster, 'ca.pem');
  }

  /** The content of a user's credentials file. */
  credentials(name: string): string {
    return readFileSync(join(this.cluster, credentialsFile(name)), 'utf8');
  }

  /** Connect as a user. */
  connect(name: string): Promise<Connected> {
    const { url, ca } = this;
    return connectNode({ url, ca, credentials: this.credentials(name), name });
  }

  /** Make more credentials. */
  async add(name: string, expires: Date | null): Promise<void> {
    using cluster = ClusterDirectory.open(this.cluster);
    await cluster.add({ name, role: 'worker', expires });
  }

  /** Take credentials back, and let the server read it. */
  async revoke(name: string): Promise<void> {
    using cluster = ClusterDirectory.open(this.cluster);
    await cluster.revoke(name);
    this.server.reload();
  }

  /** Make a new certificate, and let the server read it. */
  async renew(): Promise<void> {
    using cluster = ClusterDirectory.open(this.cluster);
    await cluster.renew();
    this.server.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
