/** Workers with the credentials that `mathformer cluster` makes, on a server that allows them no more than they need. */
import { expect, it, vi } from 'vitest';
import { workerOf } from '../../../src/cluster/protocol/subjects.ts';
import { initialStateDict } from '../../../src/model/index.ts';
import { hasNatsServer } from '../natsServer.ts';
import { SecureServer } from '../secureServer.ts';
import { ScriptedTrainer } from './scriptedTrainer.ts';
import { MODEL, RunningWorker, SPEC } from './workerParts.ts';

const PROMPTS = [[3, 4, 5]];
const PATIENCE = { timeout: 60_000, interval: 50 };

it.skipIf(!hasNatsServer)('work under keys of their own, until these are revoked', async () => {
  await using secure = await SecureServer.start();
  await using trainer = await ScriptedTrainer.start(await secure.connect('trainer'), { spec: SPEC });
  const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 200));
  await using one = new RunningWorker(() => secure.connect('worker-1'), { work: soon });
  await using two = new RunningWorker(() => secure.connect('worker-2'), { work: soon });
  await trainer.until(() => [one, two].every((each) => each.told('joined').length === 1), 'both join');
  const policy = await trainer.publish(initialStateDict(MODEL, 1));
  for (let i = 0; i < 8; i++) await trainer.put(`0-${i}`, policy, PROMPTS);
  const results = await trainer.collect(8);
  const keys = new Set(results.map(({ subject }) => workerOf(subject)?.key));
  expect([...keys].sort()).toEqual([...new Set(trainer.cards.map(({ key }) => key))].sort());
  expect(keys.size).toBe(2);

  await secure.revoke('worker-1');
  await expect(one.ended).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
  await trainer.put('1-0', policy, PROMPTS);
  await trainer.until(() => trainer.results.some(({ item }) => item === '1-0'), 'the other one works on');
});

it.skipIf(!hasNatsServer)('end when their credentials expire, and say so', async () => {
  await using secure = await SecureServer.start();
  await secure.add('brief', new Date(Date.now() + 4000));
  secure.server.reload();
  await using running = new RunningWorker(() => secure.connect('brief'));
  await vi.waitFor(() => expect(running.told('waiting')).toHaveLength(1), PATIENCE);
  await expect(running.ended).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
});

it.skipIf(!hasNatsServer)('say what a server does not let them do', async () => {
  await using secure = await SecureServer.start();
  await using running = new RunningWorker(() => secure.connect('doctor'));
  await using trainer = await ScriptedTrainer.start(await secure.connect('trainer'), { spec: SPEC });
  await expect(running.ended).rejects.toMatchObject({
    code: 'NOT_AUTHORIZED',
    message: expect.stringMatching(
      /does not let these credentials publish to mf\.run\.hello\..*made for a worker/,
    ),
  });
  expect(trainer.cards).toEqual([]);
});
