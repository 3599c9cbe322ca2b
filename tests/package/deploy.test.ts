/** Files of deploy/: they are read by the programs that they are for, and name the ports that the docs name. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { ClusterDirectory } from '../../src/cli/cluster/clusterDirectory.ts';
import { hasNatsServer } from '../cluster/natsServer.ts';

const read = (name: string): string => readFileSync(join('deploy', name), 'utf8');

const containerSchema = z.object({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).optional(),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
});
const manifestSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    template: z
      .object({
        metadata: z.object({ labels: z.record(z.string(), z.string()) }),
        spec: z.object({
          containers: z.array(containerSchema).length(1),
          volumes: z.array(z.object({ name: z.string(), secret: z.object({ secretName: z.string() }) })),
        }),
      })
      .optional(),
  }),
});
const serviceSchema = z.object({
  image: z.string(),
  command: z.array(z.string()),
  ports: z.array(z.string()),
  healthcheck: z.object({ test: z.array(z.string()) }),
  volumes: z.array(z.string()),
});
const composeSchema = z.object({
  services: z.object({ nats: serviceSchema, 'nats-open': serviceSchema }),
  volumes: z.object({ streams: z.null() }),
});

const compose = composeSchema.parse(parse(read('compose.yaml'), { merge: true }));
const manifests = parseAllDocuments(read('kubernetes.yaml')).map((document) => {
  expect(document.errors).toEqual([]);
  return manifestSchema.parse(document.toJS());
});
const manifest = (kind: string) => manifests.filter((each) => each.kind === kind);

it.skipIf(!hasNatsServer)('nats.conf is one of nats-server, for a network of few ports', () => {
  const { status, stderr } = spawnSync('nats-server', ['-t', '-c', resolve('deploy/nats.conf')], {
    cwd: tmpdir(),
    encoding: 'utf8',
  });
  expect(stderr).toMatch(/is valid/);
  expect(status).toBe(0);
});

it('nats.conf, compose.yaml and the docs name the same ports', () => {
  const config = read('nats.conf');
  const docs = readFileSync('docs/CLUSTER.md', 'utf8');
  for (const port of [4222, 8080]) {
    expect(config).toContain(`listen: "0.0.0.0:${port}"`);
    expect(compose.services.nats.ports).toContain(`${port}:${port}`);
    expect(docs).toContain(String(port));
  }
  expect(config).toContain('http: "127.0.0.1:8222"');
  expect(config).toContain('max_payload: 1MB');
  for (const { healthcheck } of Object.values(compose.services))
    expect(healthcheck.test).toContain('http://127.0.0.1:8222/healthz');
  expect(compose.services['nats-open'].ports).toEqual(['4222:4222', '8443:8443']);
});

it('containers have one version of the server, new enough for open networks', () => {
  const images = [
    ...Object.values(compose.services).map(({ image }) => image),
    ...manifest('StatefulSet').flatMap(({ spec }) =>
      spec.template?.spec.containers.map(({ image }) => image),
    ),
  ];
  expect(new Set(images).size).toBe(1);
  const [, major, minor] = /^nats:(\d+)\.(\d+)\.\d+-alpine$/.exec(images[0] ?? '') ?? [];
  expect(Number(major) * 100 + Number(minor)).toBeGreaterThanOrEqual(214);
});

it('the manifest has a server behind a service, and workers that mount a secret', () => {
  expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    'Service nats',
    'StatefulSet nats',
    'Deployment worker',
  ]);
  for (const { spec } of [...manifest('StatefulSet'), ...manifest('Deployment')]) {
    const { containers, volumes } = spec.template?.spec ?? { containers: [], volumes: [] };
    for (const { volumeMounts } of containers)
      for (const { name } of volumeMounts)
        expect([...volumes.map((each) => each.name), 'data']).toContain(name);
  }
  const [worker] = manifest('Deployment')[0]?.spec.template?.spec.containers ?? [];
  expect(worker?.args?.[0]).toBe('tls://nats.mathformer.svc:4222');
  const version = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync('package.json', 'utf8'))).version;
  expect(worker?.image).toBe(`mathformer:${version}`);
});

it.skipIf(!hasNatsServer)(
  'the command of both containers starts the server with a copy of its files',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mathformer-deploy-'));
    const command = manifest('StatefulSet')[0]?.spec.template?.spec.containers[0]?.command?.[2] ?? '';
    expect(compose.services['nats-open'].command[0]?.replaceAll('$$', '$')).toBe(command);
    try {
      await ClusterDirectory.create(join(directory, 'cluster'), {
        ...{ listen: '127.0.0.1', port: -1, webSocketPort: 8443, monitorPort: 0, tls: true, origins: [] },
        ...{ storageBytes: 2 ** 30, hosts: ['localhost'], users: [] },
      });
      // A server that ran there left its streams.
      mkdirSync(join(directory, 'cluster', 'server', 'streams'));
      mkdirSync(join(directory, 'data'));
      const here = command
        .replaceAll('/server/', `${join(directory, 'cluster', 'server')}/`)
        .replaceAll('/data', join(directory, 'data'));
      for (let start = 0; start < 2; start++) {
        const child = spawn('sh', ['-c', here], { stdio: ['ignore', 'ignore', 'pipe'] });
        const said = await new Promise<string>((tell) => {
          let all = '';
          child.stderr.on('data', (text) => {
            all += text;
            if (/Server is ready|FTL|nats-server:/.test(all)) tell(all);
          });
          child.on('exit', () => tell(all));
        });
        child.kill();
        await new Promise((end) => child.once('exit', end));
        expect(said).toContain('Server is ready');
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
