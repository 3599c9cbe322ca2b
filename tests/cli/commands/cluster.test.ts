/** `cluster init`, `add`, `revoke` and `renew`: what they write, who may read it, and what they refuse. */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, type ClaimsData, decode, parseCreds, type User } from '@nats-io/jwt';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterDirectory } from '../../../src/cli/cluster/clusterDirectory.ts';
import { permissionsOf } from '../../../src/cluster/connection/permissions.ts';
import { hasNatsServer } from '../../cluster/natsServer.ts';
import { type Ended, mathformer } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/cluster.ts';

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-cluster-'));
  directory = join(parent, 'cluster');
});
afterEach(() => rmSync(parent, { recursive: true }));

const init = (...flags: string[]): Promise<Ended> =>
  mathformer('cluster', 'init', directory, '--host', 'nats.example.org,10.0.0.5', ...flags);
const add = (...words: string[]) => mathformer('cluster', 'add', ...words, '--directory', directory);
const revoke = (...words: string[]) => mathformer('cluster', 'revoke', ...words, '--directory', directory);

const text = (...path: string[]): string => readFileSync(join(directory, ...path), 'utf8');
const files = (): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
const contents = (): Map<string, string> => new Map(files().map((file) => [file, text(file)]));

const claimsOf = async (name: string): Promise<ClaimsData<User>> =>
  (await parseCreds(new TextEncoder().encode(text('credentials', `${name}.creds`)))).uc;

/** The claims of the account that users are in. */
function account(): ClaimsData<Account> {
  const all = [...text('server', 'accounts.conf').matchAll(/(A[A-Z2-7]{55}): "([^"]+)"/g)].map(
    ([, , jwt = '']) => decode<Account>(jwt),
  );
  const found = all.find(({ name }) => name === 'runs');
  if (!found) throw new Error('the account is missing');
  return found;
}

const serverCertificate = (): X509Certificate => new X509Certificate(text('server', 'server.pem'));

/** Seeds of keys, and keys of certificates. */
const SECRET = /S[OAUNCX][A-Z2-7]{56}|PRIVATE KEY/;

describe('cluster init', () => {
  it('writes the server, its authority, and credentials by role', async () => {
    const { code, stdout, stderr } = await init(
      '--workers',
      '2',
      '--origins',
      'https://a.example,http://b.example:81/',
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(files()).toEqual([
      'ca.pem',
      ...['doctor', 'trainer', 'worker-1', 'worker-2'].map((name) => `credentials/${name}.creds`),
      ...['account.nk', 'ca-key.pem', 'cluster.json', 'operator.nk'].map((name) => `keys/${name}`),
      ...['accounts.conf', 'nats.conf', 'operator.jwt', 'server-key.pem', 'server.pem'].map(
        (name) => `server/${name}`,
      ),
    ]);
    expect(text('server', 'nats.conf')).toContain(
      'allowed_origins: ["https://a.example", "http://b.example:81"]',
    );
    for (const role of ['trainer', 'doctor'] as const) {
      const { nats, sub, exp } = await claimsOf(role);
      expect(nats).toMatchObject(permissionsOf(role, sub));
      expect(exp).toBeUndefined();
    }
    for (const name of ['worker-1', 'worker-2']) {
      const { nats, sub, exp, iss } = await claimsOf(name);
      expect(nats).toMatchObject(permissionsOf('worker', sub));
      expect(exp).toBeCloseTo(Date.now() / 1000 + 90 * 86_400, -2);
      expect(iss).toBe(account().sub);
    }
    const [, ...steps] = stdout.trimEnd().split('\n');
    expect(steps).toHaveLength(3);
    expect(steps[0]).toContain('nats-server -c nats.conf');
    expect(steps[1]).toContain('worker tls://nats.example.org:4222 --creds worker-1.creds --ca ca.pem');
    expect(steps[2]).toContain('--workers tls://nats.example.org:4222 --workers_creds ');
  });

  it('lets nobody else read them, and prints no secret', async () => {
    const before = process.umask(0);
    try {
      const { stdout, stderr } = await init('--json');
      expect(stdout + stderr).not.toMatch(SECRET);
    } finally {
      process.umask(before);
    }
    const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    for (const file of files()) expect([file, modeOf(join(directory, file))]).toEqual([file, '600']);
    for (const path of ['', 'server', 'credentials', 'keys'])
      expect([path, modeOf(join(directory, path))]).toEqual([path, '700']);
    const secrets = files().filter((file) => SECRET.test(text(file)));
    expect(secrets).toEqual([
      ...['doctor', 'trainer', 'worker-1'].map((name) => `credentials/${name}.creds`),
      ...['account.nk', 'ca-key.pem', 'operator.nk'].map((name) => `keys/${name}`),
      'server/server-key.pem',
    ]);
  });

  it('makes a certificate of the server for these names, signed by the authority', async () => {
    await init();
    const authority = new X509Certificate(text('ca.pem'));
    const server = new X509Certificate(text('server', 'server.pem'));
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(server.checkIssued(authority)).toBe(true);
    expect([authority.ca, server.ca]).toEqual([true, false]);
    for (const name of ['nats.example.org', 'localhost']) expect(server.checkHost(name)).toBe(name);
    for (const address of ['10.0.0.5', '127.0.0.1']) expect(server.checkIP(address)).toBe(address);
    expect(server.checkHost('example.org')).toBeUndefined();
    expect(Date.parse(server.validTo) - Date.parse(server.validFrom)).toBeLessThanOrEqual(825 * 86_400_000);
  });

  it
    .skipIf(!hasNatsServer)
    .each([[[]], [['--no_tls']], [['--origins', 'https://a.example']], [['--listen', '::1']]])(
    'writes a configuration that nats-server reads with %j',
    async (flags: readonly string[]) => {
      await init(...flags);
      const { status, stderr } = spawnSync('nats-server', ['-t', '-c', 'nats.conf'], {
        cwd: join(directory, 'server'),
        encoding: 'utf8',
      });
      expect(stderr).toMatch(/configuration file nats\.conf is valid/);
      expect(status).toBe(0);
    },
  );

  it('leaves certificates out where another program encrypts', async () => {
    const { stdout } = await init('--no_tls', '--origins', 'https://a.example');
    expect(files().filter((file) => file.endsWith('.pem'))).toEqual([]);
    expect(text('server', 'nats.conf')).toContain('no_tls: true');
    expect(stdout).toContain('nats://nats.example.org:4222');
    expect(stdout).not.toMatch(/tls:|ca\.pem|--ca|workers_ca/);
  });

  it('overwrites nothing', async () => {
    await init();
    const before = contents();
    const { code, stderr } = await init('--workers', '5');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*cluster: the directory is not empty — /);
    expect(contents()).toEqual(before);
    expect(readdirSync(parent)).toEqual(['cluster']);
  });

  it.each([
    ['no host', [], /^error: --host is missing — give the names and addresses/],
    ['an empty host', ['--host', ' , '], /^error: --host is empty/],
    ['a URL for a host', ['--host', 'nats://a:4222'], /^error: --host cannot have "nats:\/\/a:4222" — /],
    ['a host with a quote', ['--host', 'a"b'], /^error: --host cannot have /],
    ['a host with a line end', ['--host', 'a\nb'], /^error: --host cannot have /],
    [
      'an origin with a path',
      ['--host', 'a', '--origins', 'https://a.example/page'],
      /^error: --origins cannot have /,
    ],
    [
      'an origin without a scheme',
      ['--host', 'a', '--origins', 'a.example'],
      /^error: --origins cannot have /,
    ],
    ['any origin', ['--host', 'a', '--origins', '*'], /^error: --origins cannot have /],
    [
      'a bad time',
      ['--host', 'a', '--expires', '30'],
      /^error: --expires cannot be "30" — give a time such as 30d/,
    ],
    ['no time', ['--host', 'a', '--expires', '0d'], /^error: --expires cannot be /],
    ['too many workers', ['--host', 'a', '--workers', '1001'], /^error: --workers cannot be 1001/],
    ['a port out of range', ['--host', 'a', '--port', '65536'], /^error: --port cannot be 65536/],
    [
      'one port twice',
      ['--host', 'a', '--port', '8222'],
      /^error: --monitor_port and --port are both 8222 — /,
    ],
    ['an address that is none', ['--host', 'a', '--listen', 'a"b'], /^error: --listen cannot be /],
  ])('refuses %s, and writes nothing', async (_, flags, message) => {
    const { code, stdout, stderr } = await mathformer('cluster', 'init', directory, ...flags);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe('cluster add', () => {
  it('makes credentials of the same account, without a change of the server', async () => {
    await init();
    const before = contents();
    const { code, stdout, stderr } = await add('lab_7', '--expires', '12h');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Wrote .*credentials\/lab_7\.creds, which expire at /);
    const { nats, sub, exp, iss } = await claimsOf('lab_7');
    expect(nats).toMatchObject(permissionsOf('worker', sub));
    expect(exp).toBeCloseTo(Date.now() / 1000 + 12 * 3600, -2);
    expect(iss).toBe(account().sub);
    for (const [file, content] of before) if (file !== 'keys/cluster.json') expect(text(file)).toBe(content);
    expect(statSync(join(directory, 'credentials', 'lab_7.creds')).mode & 0o777).toBe(0o600);
  });

  it('lasts as long as is asked', async () => {
    await init('--workers', '0');
    const seconds = { m: 60, h: 3600, d: 86_400 };
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 99_999 }),
        fc.constantFrom('m', 'h', 'd'),
        async (number, unit) => {
          const name = `w${count++}`;
          const asked = Date.now() / 1000;
          await add(name, '--expires', `${number}${unit}`);
          const { exp = 0 } = await claimsOf(name);
          expect(exp - asked - number * seconds[unit]).toBeGreaterThan(-1);
          expect(exp - Date.now() / 1000 - number * seconds[unit]).toBeLessThanOrEqual(0);
        },
      ),
      { numRuns: 20 },
    );
    await add('ever', '--expires', 'never', '--role', 'trainer');
    const { exp, nats, sub } = await claimsOf('ever');
    expect(exp).toBeUndefined();
    expect(nats).toMatchObject(permissionsOf('trainer', sub));
  });

  it('is refused while another process has the cluster open', async () => {
    await init();
    using _ = ClusterDirectory.open(directory);
    const { code, stderr } = await add('lab');
    expect(stderr).toMatch(
      /cluster\/keys: process \d+ on .* is writing to this cluster since .* — wait until/,
    );
    expect(code).toBe(1);
  });

  it.each([
    [
      'a name that is taken',
      'worker-1',
      1,
      /there are credentials of worker-1 already — choose another name, or first/,
    ],
    ['a name of a path', '../evil', 2, /^error: the name cannot be "\.\.\/evil" — /],
    ['an empty name', '', 2, /^error: the name cannot be /],
    ['a name like a flag', '-x', 2, /^error: /],
  ])('refuses %s', async (_, name, expected, message) => {
    await init();
    const before = contents();
    const { code, stderr } = await add(name);
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
    expect(contents()).toEqual(before);
    expect(readdirSync(parent)).toEqual(['cluster']);
  });

  it.each([
    ['no directory', () => {}, /it is not the directory of a cluster — /],
    [
      'a state that is none',
      () => writeFileSync(join(directory, 'keys', 'cluster.json'), '{"users": 3}'),
      /cannot be read/,
    ],
    [
      'half a key',
      () => writeFileSync(join(directory, 'keys', 'account.nk'), 'SAAB'),
      /cannot be read — restore keys/,
    ],
    ['no key', () => rmSync(join(directory, 'keys', 'account.nk')), /account\.nk: there is no such file/],
  ])('says so of %s', async (what, damage, message) => {
    if (what !== 'no directory') await init();
    damage();
    const { code, stderr } = await add('lab');
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(SECRET);
    expect(code).toBe(1);
  });
});

describe('cluster revoke', () => {
  it('writes the account again, whose operator stays, and frees the name', async () => {
    await init('--workers', '2');
    const { sub } = await claimsOf('worker-2');
    const before = contents();
    const { code, stdout, stderr } = await revoke('worker-2');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`nats-server --signal reload=${join(directory, 'server', 'nats.pid')}`);
    const { revocations = {} } = account().nats;
    expect(Object.keys(revocations)).toEqual([sub]);
    expect(revocations[sub]).toBeCloseTo(Date.now() / 1000, -1);
    for (const file of ['nats.conf', 'operator.jwt'])
      expect(text('server', file)).toBe(before.get(`server/${file}`));
    expect(files()).not.toContain('credentials/worker-2.creds');

    const again = await revoke('worker-2');
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(
      /there are no credentials of worker-2 — give one of trainer, doctor, worker-1/,
    );

    await add('worker-2');
    const renewed = await claimsOf('worker-2');
    expect(renewed.sub).not.toBe(sub);
    await revoke('worker-2');
    expect(Object.keys(account().nats.revocations ?? {}).sort()).toEqual([sub, renewed.sub].sort());
  });
});

describe('cluster renew', () => {
  const renew = (...words: string[]) => mathformer('cluster', 'renew', '--directory', directory, ...words);

  it('makes a certificate for the same names and key, by the same authority, and changes nothing else', async () => {
    await init();
    const before = contents();
    const { code, stdout, stderr } = await renew();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`nats-server --signal reload=${join(directory, 'server', 'nats.pid')}`);
    const [old, next] = [new X509Certificate(before.get('server/server.pem') ?? ''), serverCertificate()];
    expect(next.serialNumber).not.toBe(old.serialNumber);
    expect(next.subjectAltName).toBe(old.subjectAltName);
    expect(next.publicKey.equals(old.publicKey)).toBe(true);
    expect(next.verify(new X509Certificate(text('ca.pem')).publicKey)).toBe(true);
    const changed = [...contents()].filter(([file, content]) => before.get(file) !== content);
    expect(changed.map(([file]) => file)).toEqual(['server/server.pem']);
  });

  it('makes one for other names, which its own machine has always, and says until when', async () => {
    await init();
    const { stdout } = await renew('--host', 'other.example', '--json');
    const { hosts, expires } = JSON.parse(stdout);
    expect(hosts).toEqual(['other.example', 'localhost', '127.0.0.1', expect.stringMatching(/1$/)]);
    const next = serverCertificate();
    for (const host of ['other.example', 'localhost']) expect(next.checkHost(host)).toBe(host);
    expect(next.checkHost('nats.example.org')).toBeUndefined();
    expect(new Date(next.validTo).toISOString()).toBe(expires);
    await renew();
    expect(serverCertificate().subjectAltName).toBe(next.subjectAltName);
  });

  it('refuses a cluster without certificates, names that are none, and files that are damaged', async () => {
    await init('--no_tls');
    expect(await renew()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/this cluster has no certificates — renew/),
    });
    rmSync(directory, { recursive: true });
    await init();
    expect(await renew('--host', ',')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--host is empty/),
    });
    expect(await renew('--host', 'a b')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: /),
    });
    const certificate = text('server', 'server.pem');
    writeFileSync(join(directory, 'keys', 'ca-key.pem'), 'no key');
    expect(await renew()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot be read — restore ca.pem/),
    });
    expect(text('server', 'server.pem')).toBe(certificate);
  });
});

it.each([
  [[], /^error: no command is given — give init, add, revoke or renew/],
  [['make'], /^error: there is no command 'make' — give init, add, revoke or renew/],
  [['add'], /^error: missing required argument 'name'/],
  [['revoke'], /^error: missing required argument 'name'/],
  [['init', 'a', 'b'], /^error: /],
])('refuses cluster %j', async (words, message) => {
  const { code, stderr } = await mathformer('cluster', ...words);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});
