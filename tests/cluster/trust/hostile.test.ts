/**
 * Hostile workers on a real server. Whatever they do, the training ends with the weights of a training without workers, the liar
 * is banned and named, and the honest worker is not.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { WireSampling } from '../../../src/cluster/protocol/messages.ts';
import { writeResult } from '../../../src/cluster/protocol/result.ts';
import type { MakeSampler } from '../../../src/cluster/worker/rolloutMachine.ts';
import { type Completion, type SampleOptions, Sampler } from '../../../src/model/sampler.ts';
import type { Transformer } from '../../../src/model/transformer.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';
import { RawWorker } from '../rawWorker.ts';
import {
  HostileRun,
  type HostileRunOptions,
  type HostileRunReport,
  inTime,
  trainedAlone,
  WorkerHere,
} from './hostileRun.ts';
import { chooseToken, editLogp, type Machine, type Work } from './lies.ts';

let alone: string;
beforeAll(async () => {
  alone = await trainedAlone();
});

/** Changes an item's completions. */
type Lie = (
  machine: Machine,
  work: Work,
  item: number,
) => Promise<readonly Completion[]> | readonly Completion[];

const wireSampling = (options: SampleOptions): WireSampling => ({
  ...{ groupSize: 1, topK: 0, topP: 1, minP: 0, firstSequenceId: 0 },
  ...options,
});

/** Make honest samplers that tell after each item. */
const telling =
  (tell: () => void): MakeSampler =>
  (model, eos) => {
    const sampler = new Sampler(model, { eos });
    return {
      async generate(...call) {
        const completions = await sampler.generate(...call);
        tell();
        return completions;
      },
      dispose: () => sampler.dispose(),
    };
  };

/** A promise, and what resolves it. */
function signal(): { readonly come: Promise<void>; readonly send: () => void } {
  let send = (): void => undefined;
  const come = new Promise<void>((resolve) => {
    send = resolve;
  });
  return { come, send: () => send() };
}

interface LiarOptions extends Pick<HostileRunOptions, 'mode' | 'spotChecks' | 'staleness'> {
  /** The class that both workers claim to be of. Default: their own. */
  readonly class?: string;
}

/** Train with a liar, and from its first lie on with an honest worker, too. */
async function trainWithLiar(
  lie: Lie,
  { class: kind, ...options }: LiarOptions = {},
): Promise<HostileRunReport> {
  await using server = await NatsServer.start();
  const connect = { url: server.url, name: 'test' };
  const [worked, lied, joined] = [signal(), signal(), signal()];
  let item = 0;
  const makeSampler: MakeSampler = (model, eos) => {
    const sampler = new Sampler(model, { eos });
    return {
      async generate(prompts, options) {
        const completions = await sampler.generate(prompts, options);
        const work = { prompts, sampling: wireSampling(options), completions };
        const changed = await lie({ model, sampler, eos }, work, item++);
        worked.send();
        if (changed !== completions) lied.send();
        return [...changed];
      },
      dispose: () => sampler.dispose(),
    };
  };
  // The first item may have nothing to lie about: there are no other items, and no older weights.
  const ready = (step: number): Promise<unknown> => (step === 0 ? worked.come : joined.come);
  await using run = await HostileRun.open({ connect, run: 'run', ...options, ready });
  await using _liar = await WorkerHere.start(connect, 'liar', { makeSampler, class: kind });
  await run.until((event) => event.type === 'joined' && event.worker === 'liar', 'the liar');
  const training = run.train(() => run.until(({ type }) => type === 'banned', 'a ban'));
  training.catch(() => undefined);
  await Promise.race([inTime(lied.come, 'a lie'), training]);
  await using _honest = await WorkerHere.start(connect, 'honest', { class: kind });
  await run.until((event) => event.type === 'joined' && event.worker === 'honest', 'the honest worker');
  joined.send();
  return await training;
}

function expectBan(
  { digest, events, banned, rejected }: HostileRunReport,
  problem: RegExp,
  expected = alone,
): void {
  expect(digest).toBe(expected);
  const bans = events.filter(({ type }) => type === 'banned');
  expect(bans).toMatchObject([{ worker: 'liar', problem: expect.stringMatching(problem) }]);
  expect(banned).toEqual(['liar']);
  expect(rejected.get('liar')).toBeGreaterThan(0);
  expect(rejected.get('honest') ?? 0).toBe(0);
}

const seen: (readonly Completion[])[] = [];
let stale: { readonly model: Transformer; readonly sampler: Sampler } | undefined;

const LIES: readonly [string, Lie, RegExp][] = [
  [
    'chooses a token',
    (machine, work, item) => chooseToken(machine, work, { completion: 3 * item + 1, token: 1, id: 9 }),
    /./,
  ],
  [
    'edits a log-probability',
    (_, work) => editLogp(work, { completion: 1, token: 1, id: 0 }, 0.01),
    /off by 1\.0e-2/,
  ],
  [
    'samples with another seed',
    ({ sampler }, { prompts, sampling }) => sampler.generate(prompts, { ...sampling, seed: 99 }),
    /./,
  ],
  [
    'ignores the filters',
    ({ sampler }, { prompts, sampling }) => sampler.generate(prompts, { ...sampling, topK: 57, topP: 1 }),
    /./,
  ],
  [
    'samples at another temperature',
    ({ sampler }, { prompts, sampling }) => sampler.generate(prompts, { ...sampling, temperature: 0.9 }),
    /./,
  ],
  [
    'breaks completions off',
    (_, { completions }) =>
      completions.map((one) => ({ ...one, tokens: one.tokens.slice(0, 1), logps: one.logps.slice(0, 1) })),
    /./,
  ],
  [
    'sends the result of another item',
    (_machine, { completions }) => {
      seen.push(completions);
      return seen.at(-2) ?? completions;
    },
    /./,
  ],
  [
    'keeps its first weights',
    async ({ model, eos }, { prompts, sampling, completions }) => {
      if (!stale) {
        const old = model.clone();
        stale = { model: old, sampler: new Sampler(old, { eos }) };
      }
      const old = await stale.sampler.generate(prompts, sampling);
      return JSON.stringify(old) === JSON.stringify(completions) ? completions : old;
    },
    /./,
  ],
  [
    'lies at every third item',
    (_, work, item) =>
      item % 3 === 1 ? editLogp(work, { completion: 0, token: 0, id: 0 }, 0.1) : work.completions,
    /off by/,
  ],
];

/** A run with an honest worker, and somebody without rules. */
interface Stage {
  readonly run: HostileRun;
  readonly raw: RawWorker;
}

/** Train with an honest worker while somebody does something; the trainer's own share waits until it is done. */
async function trainBeside(
  deed: (stage: Stage) => Promise<void>,
  atEnd?: (stage: Stage) => Promise<unknown>,
): Promise<HostileRunReport> {
  await using server = await NatsServer.start();
  const connect = { url: server.url, name: 'test' };
  const gate = signal();
  await using run = await HostileRun.open({ connect, run: 'run', ready: () => gate.come });
  await using raw = await RawWorker.start(connect, 'run', 'liar');
  const { facts } = run;
  await raw.hello(facts);
  const stage = { run, raw };
  const training = run.train(async () => atEnd?.(stage));
  training.catch(() => undefined);
  await Promise.race([deed(stage), training]);
  const sampled = signal();
  await using _honest = await WorkerHere.start(connect, 'honest', { makeSampler: telling(sampled.send) });
  await Promise.race([inTime(sampled.come, 'an item for the honest worker'), training]);
  gate.send();
  return await training;
}

const aBan = ({ run }: Stage): Promise<void> => run.until(({ type }) => type === 'banned', 'a ban');

/** Expect that a training was not harmed, and nobody was banned. */
function expectUnharmed({ digest, banned, rejected }: HostileRunReport): void {
  expect(digest).toBe(alone);
  expect(banned).toEqual([]);
  expect(rejected.get('honest') ?? 0).toBe(0);
}

describe.skipIf(!hasNatsServer)('somebody who', () => {
  test('sends junk is banned', async () => {
    const report = await trainBeside(async ({ raw }) => {
      const { item, message } = await raw.take();
      await raw.send(item, new TextEncoder().encode('junk \u0007\u001b[31m'));
      message.ack();
    }, aBan);
    expectBan(report, /./);
    for (const event of report.events) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's control characters must not come through.
      if (event.type === 'banned') expect(event.problem).not.toMatch(/[\u0000-\u001f]/);
    }
  });

  test('sends a result that is too large is banned', async () => {
    const report = await trainBeside(async ({ raw }) => {
      const { item, message } = await raw.take();
      await raw.send(item, new Uint8Array(900_000));
      message.ack();
    }, aBan);
    expectBan(report, /900000 bytes, more than/);
  });

  test('sends a thousand results is banned at the first, and costs nothing more', async () => {
    const report = await trainBeside(async (stage) => {
      const { item } = await stage.raw.take();
      const junk = new Uint8Array(1000).fill(123);
      for (let i = 0; i < 10; i++) {
        const names = Array.from({ length: 100 }, (_, j) => ({ ...item, id: `0-${i * 100 + j}` }));
        await Promise.all(names.map((name) => stage.raw.send(name, junk)));
      }
      await aBan(stage);
    });
    expectBan(report, /./);
    expect(report.events.filter(({ type }) => type === 'rejected').length).toBeLessThan(5);
  });

  test('takes items and never answers does not hold up the training', async () => {
    const report = await trainBeside(async ({ raw }) => {
      await raw.take();
      await raw.take();
    });
    expectUnharmed(report);
  });

  test('takes items, says that it works, and that items take it a day, does not hold up the training', async () => {
    const signs: ReturnType<typeof setInterval>[] = [];
    const report = await trainBeside(async ({ raw, run }) => {
      const { item, message } = await raw.take();
      const completions = await run.honest(item);
      await raw.send(item, writeResult(completions), { seconds: 86_400 });
      message.ack();
      const { message: held } = await raw.take();
      signs.push(setInterval(() => held.working(), 1000));
    });
    for (const sign of signs) clearInterval(sign);
    expectUnharmed(report);
  });

  test('acknowledges items without a result does not hold up the training', async () => {
    const report = await trainBeside(async ({ raw }) => {
      for (let i = 0; i < 2; i++) (await raw.take()).message.ack();
    });
    expectUnharmed(report);
  });

  test('uses up message ids does not keep results of others from coming', async () => {
    const report = await trainBeside(async ({ raw }) => {
      const { item, message } = await raw.take();
      message.nak();
      for (let job = 0; job < 3; job++) {
        for (let index = 0; index < 12; index++) {
          const id = `${job}-${index}`;
          const name = `${item.epoch}.${id}`;
          for (const msgID of [name, `${name}.honest`, `${name}.open.honest`]) {
            await raw.send({ epoch: item.epoch, id: '99-0' }, new Uint8Array(1), { msgID });
          }
        }
      }
    });
    expectUnharmed(report);
    // Some of its results came, in time or not.
    expect(report.came.get('honest')).toBeGreaterThan(0);
  });

  test('sends results of no item, job, epoch or run has no effect', async () => {
    const report = await trainBeside(async ({ raw }) => {
      const { item, message } = await raw.take();
      message.nak();
      for (const id of ['7-7', '0-99999', 'x', '-1--1', '0-0-0', 'NaN-NaN', '1e9-0']) {
        await raw.send({ epoch: item.epoch, id }, new Uint8Array(10));
      }
    });
    expect(report.digest).toBe(alone);
    expect(report.rejected.get('honest') ?? 0).toBe(0);
  });
});

describe.skipIf(!hasNatsServer)('a worker that', () => {
  test.each(LIES)('%s is banned', async (_, lie, problem) => {
    expectBan(await trainWithLiar(lie), problem);
  });

  test('chooses a token is banned where an earlier policy samples, too', async () => {
    const lie: Lie = (machine, work) => chooseToken(machine, work, { completion: 2, token: 0, id: 5 });
    expectBan(await trainWithLiar(lie, { staleness: 1 }), /./, await trainedAlone(1));
  });

  test('edits less than rounding is found where every result is computed again', async () => {
    const lie: Lie = (_, work) => editLogp(work, { completion: 0, token: 0, id: 0 }, 1e-6);
    expectBan(await trainWithLiar(lie, { spotChecks: 1 }), /computed it/);
  });
});

describe.skipIf(!hasNatsServer)('results that are computed again', () => {
  test.each([0.25, 0.75])('by a draw (%d) leave the bits as they are', async (start) => {
    await using server = await NatsServer.start();
    const connect = { url: server.url, name: 'test' };
    const sampled = signal();
    let draw = start;
    const random = (): number => {
      draw = (draw * 997) % 1;
      return draw;
    };
    const ready = (): Promise<void> => sampled.come;
    await using run = await HostileRun.open({ connect, run: 'run', spotChecks: 0.5, random, ready });
    await using _worker = await WorkerHere.start(connect, 'honest', { makeSampler: telling(sampled.send) });
    await run.until(({ type }) => type === 'joined', 'the worker');
    expectUnharmed(await run.train());
  });
});

describe.skipIf(!hasNatsServer)('where machines of any class work', () => {
  test('a liar is banned, and a machine of another class is not', async () => {
    const lie: Lie = (_, { completions }) =>
      completions.map((one) => ({ ...one, logps: one.logps.map((logp) => logp - 0.01) }));
    const { events, banned, rejected } = await trainWithLiar(lie, { mode: 'any', class: 'other-class' });
    expect(events.filter(({ type }) => type === 'banned')).toMatchObject([{ worker: 'liar' }]);
    expect(banned).toEqual(['liar']);
    expect(rejected.get('honest') ?? 0).toBe(0);
  });
});
