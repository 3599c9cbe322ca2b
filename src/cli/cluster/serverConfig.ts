/** The configuration of the server of a cluster, as nats-server reads it. */
/** The server, as `cluster init` is asked for it. */
export interface ServerOptions {
  /** The address that it listens at; `0.0.0.0` is every address of its machine. */
  readonly listen: string;
  readonly port: number;
  readonly webSocketPort: number;
  /** Port of the monitoring pages, on the server's own machine alone; 0 for none. */
  readonly monitorPort: number;
  readonly tls: boolean;
  /** Origins of pages that may connect by a WebSocket; none closes that port. */
  readonly origins: readonly string[];
  /** Bytes of all streams. */
  readonly storageBytes: number;
}

/** Names of files beside the configuration. */
export const SERVER_FILES = {
  config: 'nats.conf',
  operator: 'operator.jwt',
  accounts: 'accounts.conf',
  certificate: 'server.pem',
  key: 'server-key.pem',
  pid: 'nats.pid',
} as const;

const MIB = 1 << 20;
/** MiB of memory for the state of consumers. Streams lie in files. */
const MEMORY = 64;

const TLS = `tls { cert_file: "${SERVER_FILES.certificate}", key_file: "${SERVER_FILES.key}", timeout: 5 }`;

/**
 * Write nats.conf. It is the user's to change afterwards.
 * @param options texts in them have no quotes.
 * @param systemAccount its public key.
 */
export function serverConfig(options: ServerOptions, systemAccount: string): string {
  const { listen, port, monitorPort, tls, storageBytes } = options;
  return `# The server of a mathformer cluster. Change it as you like: no command writes it again.
# Paths are relative to the directory in which the server starts: cd to this one, then nats-server -c ${SERVER_FILES.config}
server_name: "mathformer"
listen: ${at(listen, port)}
${tls ? TLS : '# Without TLS: whoever can read the network can read weights and completions.'}

# Pages about the server's state, for this machine alone.
${monitorPort === 0 ? '# http: "127.0.0.1:8222"' : `http: ${at('127.0.0.1', monitorPort)}`}
pid_file: "${SERVER_FILES.pid}"

# Weights travel in pieces of 512 KiB, and results are cut to fit.
max_payload: 1MB
max_connections: 4096

# Streams lie in files below store_dir: work items, weights, results. The run directory is the truth; they may be lost.
jetstream {
  store_dir: "streams"
  max_memory_store: ${MEMORY}MB
  max_file_store: ${storageBytes / MIB}MB
}

${webSocketConfig(options)}
# Who may connect: whom this operator has signed. \`mathformer cluster revoke\` writes the second file again.
operator: "${SERVER_FILES.operator}"
system_account: ${systemAccount}
include ${SERVER_FILES.accounts}
`;
}

function webSocketConfig({ listen, origins, webSocketPort, tls }: ServerOptions): string {
  if (origins.length === 0)
    return '# No WebSocket: no browser tab can connect. `mathformer cluster init --origins https://PAGE` opens one.\n';
  return `# For browser tabs: pages of these origins alone.
websocket {
  listen: ${at(listen, webSocketPort)}
  ${tls ? TLS : 'no_tls: true'}
  allowed_origins: [${origins.map(quoted).join(', ')}]
}
`;
}

/** Write accounts.conf. @param accounts their JWTs by public key. */
export function accountsConfig(accounts: Readonly<Record<string, string>>): string {
  const entries = Object.entries(accounts).map(([key, jwt]) => `  ${key}: "${jwt}"`);
  return `# Written by \`mathformer cluster\`. It holds no secrets: these are signed statements, without the keys that sign.
resolver: MEMORY
resolver_preload {
${entries.join('\n')}
}
`;
}

/** Put an address into brackets where it has colons: IPv6. */
export const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const at = (host: string, port: number): string => quoted(`${bracketed(host)}:${port}`);

const quoted = (text: string): string => `"${text}"`;
