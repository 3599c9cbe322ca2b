/** The port of a dashboard. */
import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { listen } from '../../src/dashboard/listen.ts';
import { encodePositions } from '../../src/training/served.ts';

it('takes the positions of many runs with long names, in the address and in a header', async () => {
  const app = new Hono().get('/', (c) => c.text(c.req.header('last-event-id') ?? ''));
  await using server = await listen(app, 0);
  const position = { offset: 2 ** 40, check: 2 ** 32 - 1, filesAt: 1_796_000_000_000 };
  const ids = Array.from({ length: 64 }, (_, i) => `experiments/${'x'.repeat(100)}/${i}`);
  const positions = encodePositions(new Map(ids.map((id) => [id, position])));
  const query = new URLSearchParams({ since: positions });
  for (const id of ids) query.append('run', id);
  const answer = await fetch(`${server.address}?${query}`, { headers: { 'Last-Event-ID': positions } });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe(positions);
});
