/** A lent tab: it works for a training beside other machines, says why it does not, and connects to nobody by itself. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject } from 'vitest';
import { workersOf } from '../../../src/training/runRows.ts';
import { run, start } from '../../cli/cliProcess.ts';
import { hasNatsServer, NatsServer } from '../../cluster/natsServer.ts';
import { SecureServer } from '../../cluster/secureServer.ts';
import { describeIn } from '../browsers.ts';
import { type Dashboard, startDashboard } from '../dashboard.ts';
import { expectUsable } from './accessible.ts';
import { it, settled } from './page.ts';

const addressOf = (page: string, server: string): string =>
  `${page}#/lend?server=${encodeURIComponent(server)}`;

const statusOf = (page: Page) => page.getByTestId('status').textContent();

/** Lend a tab on WebAssembly, the class that all machines can have. */
async function lend(page: Page, server: string, home: string): Promise<void> {
  await page.goto(addressOf(home, server));
  await page.getByTestId('device').selectOption('WebAssembly');
  await page.getByTestId('start').click();
}

/** A line that the page shows a person. */
const shown = (page: Page, testid: string) => page.getByTestId(testid).innerText();

describeIn('chromium', () => {
  it('is usable by everybody', async ({ page, app }) => {
    await page.goto(`${app}#/lend`);
    await settled(page);
    await expectUsable(page);
  });

  it('a link proposes a server, and connects to nobody', async ({ page, app }) => {
    const tried: string[] = [];
    page.on('websocket', (socket) => tried.push(socket.url()));
    let connections = 0;
    const server = createServer(() => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    await page.goto(addressOf(app, `ws://127.0.0.1:${port}`));
    await settled(page);
    expect(await shown(page, 'proposed')).toContain(`127.0.0.1:${port}`);
    expect(await page.getByTestId('server').inputValue()).toBe(`ws://127.0.0.1:${port}`);
    await expectUsable(page);
    expect([connections, tried, await statusOf(page)]).toEqual([0, [], 'not lent']);
    server.close();
  });

  it.for([
    ['nats://127.0.0.1:4222', 'WebSockets'],
    ['ws://user:secret@127.0.0.1', 'name or password'],
  ])('%s is refused before anything starts', async ([server = '', problem = ''], { page, app }) => {
    await page.goto(addressOf(app, server));
    await page.getByText(problem).waitFor();
    expect(await page.getByTestId('start').isDisabled()).toBe(true);
  });

  it('credentials are named, not shown, and stay in the page alone', async ({ page, app }) => {
    const credentials =
      '-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\nSUSECRET\n';
    await page.goto(`${app}#/lend`);
    await page.getByTestId('credentials').fill('nonsense');
    await page.getByText('no file of credentials').waitFor();
    await page.getByTestId('credentials-file').setInputFiles({
      ...{ name: 'tab.creds', mimeType: 'text/plain', buffer: Buffer.from(credentials) },
    });
    expect(await shown(page, 'credentials-given')).toContain('tab.creds');
    await page.getByTestId('server').fill('ws://127.0.0.1:9');
    await page.getByTestId('start').click();
    await page.getByTestId('failure').waitFor();
    expect(await shown(page, 'failure')).toContain('not the JWT of a user');
    const stored = await page.evaluate(
      'JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }])',
    );
    expect(stored).not.toContain('SUSECRET');
    expect(await page.locator('main').innerText()).not.toContain('SUSECRET');
  });

  it('a server that is not there is told with what to do', async ({ page, app, problems }) => {
    await lend(page, 'ws://127.0.0.1:9', app);
    await page.getByTestId('failure').waitFor();
    expect(await shown(page, 'failure')).toContain('allowed origins');
    expect(await statusOf(page)).toBe('not lent');
    expect(problems.splice(0).filter((problem) => !problem.includes('WebSocket'))).toEqual([]);
  });

  describe.skipIf(!hasNatsServer)('with a server', () => {
    let server: NatsServer;
    let dashboard: Dashboard;
    let directory: string;
    beforeAll(async () => {
      [server, dashboard, directory] = await Promise.all([
        NatsServer.start(),
        startDashboard(inject('runs')),
        mkdtemp(join(tmpdir(), 'mathformer-lend-')),
      ]);
    });
    afterAll(async () => {
      await dashboard?.stop();
      await server?.[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });

    it('a tab beside two Node workers gives the bits of the run without any', async ({ page }) => {
      const checkpoint = 'tests/fixtures/checkpoints/tiny.safetensors';
      const train = async (out: string, ...more: string[]): Promise<string> => {
        // Rollouts that take a thread longer than weights take to a worker: else the trainer makes them alone.
        const size = [
          ...['--steps', '5', '--batch_size', '64', '--group_size', '16', '--threads', '1'],
          ...['--eval_size', '20', '--adapter', 'wasm', '--quiet'],
        ];
        const { code, stderr } = await run(
          'main',
          'grpo',
          '--checkpoint',
          checkpoint,
          '--out',
          out,
          ...size,
          ...more,
        );
        expect([code, stderr]).toEqual([0, expect.anything()]);
        const weights = readFileSync(join(out, 'checkpoints/rl_model_final.safetensors'));
        return createHash('sha256').update(weights).digest('hex');
      };
      const alone = await train(join(directory, 'alone'));
      const workers = ['one', 'two'].map((name) =>
        start('main', ['worker', server.url, '--adapter', 'wasm', '--threads', '1', '--name', name]),
      );
      try {
        await lend(page, server.webSocketUrl, dashboard.address);
        await expect.poll(() => statusOf(page)).toBe('connected, waiting for a run');
        await Promise.all(workers.map(({ said }) => said(/wait/i)));
        const shared = join(directory, 'shared');
        expect(await train(shared, '--workers', server.url)).toBe(alone);
        const { rows } = workersOf(readFileSync(join(shared, 'workers.jsonl')));
        const items = rows
          .filter(({ name }) => name === 'Chrome tab')
          .reduce((sum, row) => sum + row.items, 0);
        expect(items).toBeGreaterThan(0);
        await expect.poll(async () => Number(await shown(page, 'items'))).toBeGreaterThanOrEqual(items);
        await expect.poll(() => statusOf(page)).toBe('connected, waiting for a run');
      } finally {
        for (const { child } of workers) child.kill();
        await Promise.all(workers.map(({ ended }) => ended));
      }
    });

    it('goes on while other pages are shown, offers to go on after a reload, and stops', async ({ page }) => {
      await lend(page, server.webSocketUrl, dashboard.address);
      await expect.poll(() => statusOf(page)).toBe('connected, waiting for a run');
      await page.getByRole('link', { name: 'Runs' }).first().click();
      await page.getByRole('link', { name: 'Lent' }).click();
      expect(await statusOf(page)).toBe('connected, waiting for a run');
      await page.reload();
      await page.getByTestId('lent-before').waitFor();
      expect(await statusOf(page)).toBe('not lent');
      // So the focus stays at the page's start.
      await page.getByTestId('start').dispatchEvent('click');
      await expect.poll(() => statusOf(page)).toBe('connected, waiting for a run');
      await expectUsable(page);
      await page.getByTestId('stop').click();
      await expect.poll(() => statusOf(page)).toBe('not lent');
      await page.reload();
      await settled(page);
      expect(await page.getByTestId('lent-before').count()).toBe(0);
    });

    it('connects with credentials to a server that takes the page, and tells what is wrong otherwise', async ({
      page,
      problems,
    }) => {
      const { origin } = new URL(dashboard.address);
      await using secure = await SecureServer.start({ tls: false, origins: [origin] });
      const url = secure.server.webSocketUrl;
      await lend(page, url, dashboard.address);
      await page.getByTestId('failure').waitFor();
      expect(await shown(page, 'failure')).toContain('wants credentials');
      await page.getByTestId('credentials').fill(secure.credentials('worker-1'));
      expect(await shown(page, 'credentials-given')).toContain('pasted text');
      await page.getByTestId('start').click();
      await expect.poll(() => statusOf(page)).toBe('connected, waiting for a run');
      await secure.revoke('worker-1');
      await page.getByTestId('failure').waitFor();
      expect(await shown(page, 'failure')).toContain('does not accept the credentials');
      await page.goto(addressOf(dashboard.address.replace('127.0.0.1', 'localhost'), url));
      await page.getByTestId('start').click();
      await page.getByTestId('failure').waitFor();
      expect(await shown(page, 'failure')).toContain('allowed origins');
      // The page that is not taken is the same one under another name.
      expect(problems.splice(0).filter((problem) => !/WebSocket|http:\/\/localhost/.test(problem))).toEqual(
        [],
      );
    });

    it('tells a lost connection, and finds the server again', async ({ page, problems }) => {
      await lend(page, server.webSocketUrl, dashboard.address);
      await expect.poll(() => statusOf(page)).toBe('connected, waiting for a run');
      await server.kill();
      await expect.poll(() => statusOf(page)).toBe('connection lost, trying again');
      await server.start();
      await expect.poll(() => statusOf(page)).toBe('connected, waiting for a run');
      expect(problems.splice(0).filter((problem) => !problem.includes('WebSocket'))).toEqual([]);
    });
  });
});
