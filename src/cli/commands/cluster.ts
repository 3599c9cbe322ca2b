/** `cluster`: makes the keys, certificates and configuration of a server for rollouts on many machines, and changes who may connect. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { BadOptionError, integer, oneOf, yesOrNo } from '../../base/options.ts';
import { ROLES } from '../../cluster/connection/permissions.ts';
import { outputSchema } from '../../training/commandOptions.ts';
import {
  checkedHost,
  checkedName,
  checkedOrigin,
  EXPIRY,
  expiryOf,
  listOf,
} from '../cluster/checkedTexts.ts';
import { ClusterDirectory, credentialsFile, type UserRequest } from '../cluster/clusterDirectory.ts';
import { bracketed, SERVER_FILES } from '../cluster/serverConfig.ts';
import { throwing } from '../failure.ts';
import { addFlags, filledOperand, readFlags } from '../flags/flags.ts';
import { commandLineOf, invocation } from '../invocation.ts';
import { Reporter } from '../reporter.ts';

const DEFAULT_DIRECTORY = 'cluster';
const GIB = 2 ** 30;
const MOST_WORKERS = 1000;

/** Names by which the server's own machine reaches it. Its certificate always has them. */
const OWN_HOSTS = ['localhost', '127.0.0.1', '::1'];

const { json } = outputSchema.shape;
const port = () => integer(1, 65_535);

const expires = z
  .string()
  .regex(EXPIRY, { error: 'give a time such as 30d, 12h or 90m, or never' })
  .default('90d');

const initFlags = z.strictObject({
  host: z
    .string({
      error:
        'give the names and addresses by which machines reach the server, such as nats.example.org,10.0.0.5',
    })
    .describe('names and addresses of the server, with commas between; the first is shown in commands'),
  workers: integer(0, MOST_WORKERS).default(1).describe('number of workers to make credentials for'),
  expires: expires.describe(
    "time after which the workers' credentials are refused, such as 30d or 12h, or never",
  ),
  origins: z
    .string()
    .default('')
    .describe(
      'origins of web pages whose tabs may connect, with commas between, such as https://app.example.org',
    ),
  tls: yesOrNo().default(true).describe('encrypt all connections; off only behind a proxy that does it'),
  listen: z
    .string()
    .refine((address) => isIP(address) !== 0, {
      error: 'give an address such as 127.0.0.1, or 0.0.0.0 for all',
    })
    .default('0.0.0.0')
    .describe('address that the server listens at'),
  port: port().default(4222).describe('port of the server'),
  websocketPort: port().default(8443).describe('port for browser tabs'),
  monitorPort: integer(0, 65_535)
    .default(8222)
    .describe('port of monitoring pages, on the server itself; 0 for none'),
  storage: integer(1, 100_000).default(10).describe('most GiB on disk for weights, work items and results'),
  json,
});

const directoryFlag = {
  directory: z.string().min(1).default(DEFAULT_DIRECTORY).describe('directory that `cluster init` wrote'),
};

const addFlagsSchema = z.strictObject({
  ...directoryFlag,
  role: oneOf(ROLES).default('worker').describe('what these credentials are for'),
  expires: expires.describe('time after which they are refused, such as 30d or 12h, or never'),
  json,
});

const revokeFlags = z.strictObject({ ...directoryFlag, json });

const renewFlags = z.strictObject({
  ...directoryFlag,
  host: z
    .string()
    .optional()
    .describe('names and addresses of the server, with commas between; by default those that it has'),
  json,
});

async function init(directory: string, flags: z.output<typeof initFlags>): Promise<void> {
  const { host, workers, origins, storage, tls } = flags;
  const hosts = hostsOf(host);
  const [first] = hosts;
  checkPorts(flags);
  const until = expiryOf(flags.expires);
  const users: UserRequest[] = [
    { name: 'trainer', role: 'trainer', expires: null },
    { name: 'doctor', role: 'doctor', expires: null },
    ...Array.from({ length: workers }, (_, i) => ({
      name: `worker-${i + 1}`,
      role: 'worker' as const,
      expires: until,
    })),
  ];
  await ClusterDirectory.create(directory, {
    ...flags,
    webSocketPort: flags.websocketPort,
    hosts: withOwn(hosts),
    origins: listOf(origins).map(checkedOrigin),
    storageBytes: storage * GIB,
    users,
  });
  const url = `${tls ? 'tls' : 'nats'}://${bracketed(first)}:${flags.port}`;
  const reporter = new Reporter({ json: flags.json, quiet: false });
  const count = workers === 1 ? '1 worker' : `${workers} workers`;
  reporter.line(`Wrote ${directory}: keys, and credentials of a trainer, a doctor and ${count}. Next:`);
  for (const line of nextSteps(directory, url, tls, flags.workers > 0)) reporter.line(line);
  reporter.document({ directory, url, users: users.map(described) });
}

/** Read the names and addresses of a server. @throws BadOptionError if there is none, or one is no name or address. */
function hostsOf(text: string): [string, ...string[]] {
  const [first, ...others] = listOf(text).map(checkedHost);
  if (first === undefined) throw new BadOptionError('--host', '--host is empty', 'give a name or an address');
  return [first, ...others];
}

const withOwn = (hosts: readonly string[]): string[] => [...new Set([...hosts, ...OWN_HOSTS])];

/** @throws BadOptionError for two ports that are the same. */
function checkPorts({ port, websocketPort, monitorPort }: z.output<typeof initFlags>): void {
  const taken = new Map<number, string>();
  for (const [flag, number] of Object.entries({
    '--port': port,
    '--websocket_port': websocketPort,
    '--monitor_port': monitorPort,
  })) {
    const other = taken.get(number);
    if (other !== undefined)
      throw new BadOptionError(flag, `${flag} and ${other} are both ${number}`, 'give two different ports');
    taken.set(number, flag);
  }
}

/** Say what to do with a new cluster. */
function nextSteps(directory: string, url: string, tls: boolean, hasWorker: boolean): string[] {
  const ca = tls ? ['ca.pem'] : [];
  const withCa = (flag: string, path: string): string[] => (tls ? [flag, path] : []);
  const server = commandLineOf([join(directory, 'server')]);
  const worker = invocation('worker', [url, '--creds', 'worker-1.creds', ...withCa('--ca', 'ca.pem')]);
  const credentials = join(directory, credentialsFile('trainer'));
  const trainer = commandLineOf([
    ...['--workers', url, '--workers_creds', credentials],
    ...withCa('--workers_ca', join(directory, 'ca.pem')),
  ]);
  return [
    `1. Server (copy ${server} to its machine):  cd ${server} && nats-server -c ${SERVER_FILES.config}`,
    hasWorker
      ? `2. Worker (copy ${[credentialsFile('worker-1'), ...ca].join(' and ')} there):  ${worker}`
      : `2. Worker (make its credentials):  ${invocation('cluster', ['add', 'NAME', '--directory', directory])}`,
    `3. Trainer:  ${invocation('train', ['grpo'])} … ${trainer}`,
  ];
}

async function add(name: string, flags: z.output<typeof addFlagsSchema>): Promise<void> {
  const request = { name: checkedName(name), role: flags.role, expires: expiryOf(flags.expires) };
  using cluster = ClusterDirectory.open(flags.directory);
  const path = await cluster.add(request);
  const reporter = new Reporter({ json: flags.json, quiet: false });
  const until = request.expires === null ? 'never expire' : `expire at ${request.expires.toISOString()}`;
  reporter.line(`Wrote ${path}, which ${until}. The server takes them at once.`);
  reporter.document({ path, ...described(request) });
}

async function revoke(name: string, { directory, json }: z.output<typeof revokeFlags>): Promise<void> {
  checkedName(name);
  using cluster = ClusterDirectory.open(directory);
  await cluster.revoke(name);
  const accounts = join(directory, 'server', SERVER_FILES.accounts);
  const reporter = new Reporter({ json, quiet: false });
  reporter.line(`Revoked ${name}. The server refuses it when it has read its configuration again:`);
  for (const line of reloadSteps(directory, accounts)) reporter.line(line);
  reporter.document({ name, accounts });
}

async function renew({ directory, host, json }: z.output<typeof renewFlags>): Promise<void> {
  const wanted = host === undefined ? undefined : withOwn(hostsOf(host));
  using cluster = ClusterDirectory.open(directory);
  const { hosts, expires } = await cluster.renew(wanted);
  const certificate = join(directory, 'server', SERVER_FILES.certificate);
  const reporter = new Reporter({ json, quiet: false });
  reporter.line(`Wrote ${certificate} for ${hosts.join(', ')}, which ends at ${expires.toISOString()}.`);
  reporter.line('The server shows it when it has read its configuration again:');
  for (const line of reloadSteps(directory, certificate)) reporter.line(line);
  reporter.document({ certificate, hosts, expires: expires.toISOString() });
}

/** Say how the server reads a file that has changed. */
function reloadSteps(directory: string, file: string): string[] {
  const pid = join(directory, 'server', SERVER_FILES.pid);
  return [
    `  ${commandLineOf(['nats-server', '--signal', `reload=${pid}`])}`,
    `If the server is on another machine, copy ${file} there first.`,
  ];
}

const described = ({ name, role, expires }: UserRequest) => ({
  name,
  role,
  expires: expires?.toISOString() ?? null,
});

/** Build `cluster init | add | revoke | renew`. */
export function clusterCommand(): Command {
  const command = throwing(new Command('cluster'))
    .description(
      'Sets up a server for rollouts on many machines: who may connect, and what they may do there.',
    )
    .usage(
      'init [directory] --host <list> [options] | add <name> [options] | revoke <name> [options] | renew [options]',
    )
    .allowExcessArguments()
    .action(() => {
      const [unknown] = command.args;
      const problem = unknown === undefined ? 'no command is given' : `there is no command '${unknown}'`;
      throw new BadOptionError('command', problem, 'give init, add, revoke or renew; see --help');
    });
  const initCommand = throwing(new Command('init'))
    .description('Write the keys, certificates, credentials and configuration of a new server.')
    .argument('[directory]', 'directory to write, new or empty', filledOperand, DEFAULT_DIRECTORY);
  addFlags(initCommand, initFlags).action((directory: string) =>
    init(directory, readFlags(initCommand, initFlags)),
  );
  const addCommand = throwing(new Command('add'))
    .description('Make credentials for one more machine. The server needs no restart.')
    .argument('<name>', 'name of the machine');
  addFlags(addCommand, addFlagsSchema).action((name: string) =>
    add(name, readFlags(addCommand, addFlagsSchema)),
  );
  const revokeCommand = throwing(new Command('revoke'))
    .description('Take the credentials of a machine back.')
    .argument('<name>', 'name of the machine');
  addFlags(revokeCommand, revokeFlags).action((name: string) =>
    revoke(name, readFlags(revokeCommand, revokeFlags)),
  );
  const renewCommand = throwing(new Command('renew')).description(
    "Make a new certificate of the server, before the present one ends. The server's key and its authority stay.",
  );
  addFlags(renewCommand, renewFlags).action(() => renew(readFlags(renewCommand, renewFlags)));
  for (const each of [initCommand, addCommand, revokeCommand, renewCommand]) command.addCommand(each);
  return command;
}
