/**
 * Keys and signed statements (JWT) of a cluster. The operator signs the account, the account signs its users; the server knows
 * the operator and takes whom the account has signed. Public keys and JWTs are no secrets; seeds are.
 */
import { Algorithms, encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { permissionsOf, type Role } from '../../cluster/connection/permissions.ts';

/** Limits of the account, all of them given: the server takes a missing one for 0. -1 is no limit. */
const NO_LIMITS = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  conn: -1,
  leaf: 0,
  wildcards: true,
  disallow_bearer: true,
};
/**
 * Limits of JetStream. Memory and disk are those of the server, as there is one account: a server reserves what an account may
 * have, and where several users connect first, at once, it reserves twice, runs out, and leaves the account without JetStream.
 */
const JETSTREAM_LIMITS = { mem_storage: -1, disk_storage: -1, streams: 1000, consumer: 10_000 };
/** Most subscriptions of a worker or doctor. */
const SUBSCRIPTIONS = 256;

const V2 = { algorithm: Algorithms.v2 };

/** Times in seconds since 1970, by public key: what was signed for it until then is void. */
export type Revocations = Readonly<Record<string, number>>;

/** A new user: its public key, and the content of its credentials file, a secret. */
export interface NewUser {
  readonly key: string;
  readonly credentials: string;
}

/** The keys that sign. */
export class Authority {
  private constructor(
    readonly operator: KeyPair,
    readonly account: KeyPair,
    /** The public key of the system's account, in which nobody is. */
    readonly systemAccount: string,
  ) {}

  /** Make new keys. */
  static create(): Authority {
    return new Authority(createOperator(), createAccount(), createAccount().getPublicKey());
  }

  /** @param operator and account are seeds. @throws Error for a text that is no seed. */
  static from(operator: string, account: string, systemAccount: string): Authority {
    const key = (seed: string) => fromSeed(new TextEncoder().encode(seed.trim()));
    return new Authority(key(operator), key(account), systemAccount);
  }

  /** Sign who the operator is. A server that runs takes no other statement of it, not even one of the same operator. */
  signOperator(): Promise<string> {
    const { operator, systemAccount } = this;
    return encodeOperator('mathformer', operator, { system_account: systemAccount }, V2);
  }

  /** Sign the accounts: the system's, and that of all trainers and workers. @returns their JWTs by public key. */
  async signAccounts(revocations: Revocations): Promise<Record<string, string>> {
    const { operator, account, systemAccount } = this;
    const options = { ...V2, signer: operator };
    const limits = { ...NO_LIMITS, ...JETSTREAM_LIMITS };
    return {
      [systemAccount]: await encodeAccount('system', systemAccount, { limits: NO_LIMITS }, options),
      [account.getPublicKey()]: await encodeAccount('runs', account, { limits, revocations }, options),
    };
  }

  /** Make a user. @param expires the time after which the server refuses it; null for never. */
  async addUser(name: string, role: Role, expires: Date | null): Promise<NewUser> {
    const user = createUser();
    const key = user.getPublicKey();
    const subs = role === 'trainer' ? -1 : SUBSCRIPTIONS;
    const jwt = await encodeUser(
      name,
      user,
      this.account,
      { ...permissionsOf(role, key), subs },
      { ...V2, ...(expires && { exp: Math.floor(expires.getTime() / 1000) }) },
    );
    return { key, credentials: new TextDecoder().decode(fmtCreds(jwt, user)) };
  }
}

/** Return the seed of a key: a secret. */
export const seedOf = (pair: KeyPair): string => `${new TextDecoder().decode(pair.getSeed())}\n`;
