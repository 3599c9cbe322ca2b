/**
 * The directory of a cluster, which only its owner can read:
 *
 *   server/        all that the server's machine needs
 *   credentials/   one file for each machine
 *   ca.pem         for every machine: the authority of the server's certificate
 *   keys/          what signs: it stays here
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ROLES, type Role } from '../../cluster/connection/permissions.ts';
import { writeDirectoryAtomically } from '../../runs/atomicDirectory.ts';
import { SECRET_FILE, writeAtomically } from '../../runs/atomicFile.ts';
import { FileError, withFileErrors } from '../../runs/fileError.ts';
import { RunLock } from '../../runs/lock.ts';
import { Authority, type NewUser, seedOf } from './authority.ts';
import { makeAuthority, makeServerCertificate, readServerCertificate } from './certificates.ts';
import { accountsConfig, SERVER_FILES, type ServerOptions, serverConfig } from './serverConfig.ts';

const FILES = {
  state: 'keys/cluster.json',
  operator: 'keys/operator.nk',
  account: 'keys/account.nk',
  authorityKey: 'keys/ca-key.pem',
  authority: 'ca.pem',
  accounts: `server/${SERVER_FILES.accounts}`,
  certificate: `server/${SERVER_FILES.certificate}`,
  serverKey: `server/${SERVER_FILES.key}`,
} as const;

const userSchema = z.strictObject({
  role: z.enum(ROLES),
  key: z.string(),
  /** The time after which the server refuses it; null for never. */
  expires: z.iso.datetime().nullable(),
});

const stateSchema = z.strictObject({
  format: z.literal(1),
  systemAccount: z.string(),
  users: z.record(z.string(), userSchema),
  /** Seconds since 1970, by public key: what was signed until then is void. */
  revocations: z.record(z.string(), z.int()),
});
type State = z.output<typeof stateSchema>;

/** A user to make. */
export interface UserRequest {
  readonly name: string;
  readonly role: Role;
  /** The time after which the server refuses it; null for never. */
  readonly expires: Date | null;
}

/** Options of a new cluster. */
export interface ClusterOptions extends ServerOptions {
  /** Names and addresses of the server. */
  readonly hosts: readonly string[];
  readonly users: readonly UserRequest[];
}

/** A cluster on disk. One process at a time has it open: credentials that the state does not know could not be revoked. */
export class ClusterDirectory implements Disposable {
  #state: State;

  private constructor(
    readonly path: string,
    private readonly authority: Authority,
    state: State,
    private readonly lock: Disposable,
  ) {
    this.#state = state;
  }

  [Symbol.dispose](): void {
    this.lock[Symbol.dispose]();
  }

  /**
   * Make the keys, certificates and configuration of a cluster in a directory, which must not exist or be empty. All files are
   * written, or none.
   * @throws FileError
   */
  static async create(path: string, options: ClusterOptions): Promise<void> {
    const authority = Authority.create();
    const { tls, hosts } = options;
    const made = await Promise.all(
      options.users.map(async (user) => ({
        ...user,
        ...(await authority.addUser(user.name, user.role, user.expires)),
      })),
    );
    const state: State = {
      format: 1,
      systemAccount: authority.systemAccount,
      users: Object.fromEntries(made.map((user) => [user.name, entryOf(user, user)])),
      revocations: {},
    };
    const contents = new Map([
      [`server/${SERVER_FILES.config}`, serverConfig(options, authority.systemAccount)],
      [`server/${SERVER_FILES.operator}`, await authority.signOperator()],
      [FILES.accounts, accountsConfig(await authority.signAccounts(state.revocations))],
      ...made.map(({ name, credentials }) => [credentialsFile(name), credentials] as const),
      ...(tls ? await certificateFiles(hosts) : []),
      [FILES.operator, seedOf(authority.operator)],
      [FILES.account, seedOf(authority.account)],
      [FILES.state, textOf(state)],
    ]);
    writeDirectoryAtomically(path, contents, undefined, true, 'directory');
  }

  /** Open the directory of a cluster. @throws FileError if it is none, damaged, or open elsewhere. */
  static open(path: string): ClusterDirectory {
    if (!existsSync(join(path, FILES.state))) {
      const fix = 'give the directory that `mathformer cluster init` wrote, or run that first';
      throw new FileError('FILE_NOT_FOUND', path, 'it is not the directory of a cluster', fix);
    }
    const lock = new RunLock(join(path, 'keys'), 'this cluster');
    const read = (file: string): string => readText(join(path, file));
    try {
      const state = stateSchema.parse(JSON.parse(read(FILES.state)));
      const authority = Authority.from(read(FILES.operator), read(FILES.account), state.systemAccount);
      return new ClusterDirectory(path, authority, state, lock);
    } catch (cause) {
      lock[Symbol.dispose]();
      if (cause instanceof FileError) throw cause;
      const fix = 'restore keys/ from a copy, or make a new cluster with `mathformer cluster init`';
      throw new FileError('DAMAGED', join(path, 'keys'), 'the keys of the cluster cannot be read', fix, {
        cause,
      });
    }
  }

  /** The names of all users, revoked ones left out. */
  get names(): string[] {
    return Object.keys(this.#state.users);
  }

  /** Make credentials. The server needs no word of it. @returns the path of their file. @throws FileError */
  async add(request: UserRequest): Promise<string> {
    const { name, role, expires } = request;
    const path = join(this.path, credentialsFile(name));
    if (Object.hasOwn(this.#state.users, name) || existsSync(path)) {
      const fix = `choose another name, or first take these back with \`mathformer cluster revoke ${name}\``;
      throw new FileError('ALREADY_EXISTS', path, `there are credentials of ${name} already`, fix);
    }
    const user = await this.authority.addUser(name, role, expires);
    const before = this.#state;
    // First the state, so that whatever fails, no credentials exist that it does not know.
    this.#save({ ...before, users: { ...before.users, [name]: entryOf(request, user) } });
    try {
      writeAtomically(path, user.credentials, undefined, SECRET_FILE);
    } catch (error) {
      this.#save(before);
      throw error;
    }
    return path;
  }

  /**
   * Take the credentials of a user back. The server refuses them when it has read accounts.conf again.
   * @throws FileError if there is no such user.
   */
  async revoke(name: string): Promise<void> {
    const { [name]: user, ...users } = this.#state.users;
    if (user === undefined || !Object.hasOwn(this.#state.users, name)) {
      const fix = `give one of ${this.names.join(', ') || 'none: all are revoked'}`;
      throw new FileError('FILE_NOT_FOUND', this.path, `there are no credentials of ${name}`, fix);
    }
    const now = Math.floor(Date.now() / 1000);
    const state = { ...this.#state, users, revocations: { ...this.#state.revocations, [user.key]: now } };
    // First what the server reads: after a failure the name is still known, and can be revoked again.
    const accounts = accountsConfig(await this.authority.signAccounts(state.revocations));
    writeAtomically(join(this.path, FILES.accounts), accounts, undefined, SECRET_FILE);
    this.#save(state);
    rmSync(join(this.path, credentialsFile(name)), { force: true });
  }

  /**
   * Make a new certificate of the server, for its present key. The server shows it when it has read its configuration again.
   * @param hosts names and addresses of the server. Default: those of the present certificate.
   * @returns its names and addresses, and the time at which it ends.
   * @throws FileError if the cluster has no certificates, or its files cannot be read.
   */
  async renew(hosts?: readonly string[]): Promise<{ hosts: readonly string[]; expires: Date }> {
    const path = join(this.path, FILES.certificate);
    if (!existsSync(join(this.path, FILES.authorityKey))) {
      const fix = 'renew the certificate where it is: at the proxy that encrypts';
      throw new FileError('FILE_NOT_FOUND', this.path, 'this cluster has no certificates', fix);
    }
    const read = (file: string): string => readText(join(this.path, file));
    const authority = { certificate: read(FILES.authority), key: read(FILES.authorityKey) };
    const present = read(FILES.certificate);
    try {
      const names = hosts ?? readServerCertificate(present).hosts;
      const { certificate } = await makeServerCertificate(authority, names, read(FILES.serverKey));
      writeAtomically(path, certificate, undefined, SECRET_FILE);
      return readServerCertificate(certificate);
    } catch (cause) {
      if (cause instanceof FileError) throw cause;
      const fix = 'restore ca.pem, keys/ and server/ from a copy';
      throw new FileError('DAMAGED', path, 'the certificates and keys cannot be read', fix, { cause });
    }
  }

  #save(state: State): void {
    writeAtomically(join(this.path, FILES.state), textOf(state), undefined, SECRET_FILE);
    this.#state = state;
  }
}

/** Return the file of a user's credentials, below the cluster's directory. */
export const credentialsFile = (name: string): string => `credentials/${name}.creds`;

const entryOf = ({ role, expires }: UserRequest, { key }: NewUser): State['users'][string] => ({
  role,
  key,
  expires: expires?.toISOString() ?? null,
});

const textOf = (state: State): string => `${JSON.stringify(state, null, 2)}\n`;

const readText = (path: string): string => withFileErrors(path, () => readFileSync(path, 'utf8'));

async function certificateFiles(hosts: readonly string[]): Promise<[string, string][]> {
  const authority = await makeAuthority();
  const server = await makeServerCertificate(authority, hosts);
  return [
    [FILES.authority, authority.certificate],
    [FILES.authorityKey, authority.key],
    [FILES.certificate, server.certificate],
    [FILES.serverKey, server.key],
  ];
}
