/** A trainer's memory of workers and their work. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WorkerCard } from '../../../src/cluster/protocol/messages.ts';
import { readResultHeaders, resultHeaders } from '../../../src/cluster/protocol/resultHeaders.ts';
import { TRAINER } from '../../../src/cluster/protocol/subjects.ts';
import { refusalOf } from '../../../src/cluster/trainer/admission.ts';
import type { ClusterEvent } from '../../../src/cluster/trainer/events.ts';
import { Fleet } from '../../../src/cluster/trainer/fleet.ts';
import { Ledger } from '../../../src/cluster/trainer/ledger.ts';
import { PolicyUse } from '../../../src/cluster/trainer/policyUse.ts';
import { Roster } from '../../../src/cluster/trainer/roster.ts';
import { sharedGroups } from '../../../src/cluster/trainer/shares.ts';
import { Turnstile } from '../../../src/cluster/trainer/turnstile.ts';

const cardOf = (instance: string): WorkerCard => ({
  ...{ protocol: 1, key: 'open', instance, name: instance, version: '1', class: 'c', adapter: 'a' },
  ...{ platform: 'p', tokensPerSecond: 0, items: 0, run: null },
});
const idOf = (instance: string) => ({ key: 'open', instance });

test('a worker joins once, leaves after a silence, and can come again', () => {
  let now = 0;
  const events: string[] = [];
  const on = (event: ClusterEvent) => void events.push(event.type);
  const roster = new Roster(on, () => now);
  expect(roster.hear(idOf('a'), cardOf('a'), null)).toBe(true);
  now += 10_000;
  expect(roster.hear(idOf('a'), cardOf('a'), null)).toBe(false);
  now += 10_000;
  expect(roster.sweep()).toEqual([]);
  now += 10_000;
  expect(roster.sweep()).toEqual(['a']);
  expect(roster.active).toEqual([]);
  expect(roster.hear(idOf('a'), cardOf('a'), null)).toBe(true);
  expect(events).toEqual(['joined', 'left', 'joined']);
});

test('a refused worker takes no items, and is told of once for each reason', () => {
  const events: string[] = [];
  const roster = new Roster((event) => void events.push(event.type));
  const refusal = { reason: 'class', problem: 'p', fix: 'f' } as const;
  for (let i = 0; i < 3; i++) expect(roster.hear(idOf('a'), cardOf('a'), refusal)).toBe(false);
  expect(roster.active).toEqual([]);
  expect(roster.known()).toMatchObject([{ refusal }]);
  roster.hear(idOf('a'), cardOf('a'), { ...refusal, reason: 'banned' });
  expect(roster.hear(idOf('a'), cardOf('a'), null)).toBe(true);
  expect(events).toEqual(['refused', 'refused', 'joined']);
});

test('a report has the sums since the last one', () => {
  let now = 0;
  const own = { worker: TRAINER, name: TRAINER, class: 'c' };
  const worker = { worker: 'w', name: 'W', class: 'c' };
  const ledger = new Ledger(own, () => now);
  const facts = { present: [worker], isBanned: (name: string) => name === 'w' };
  ledger.taken(own, { items: 1, tokens: 10 });
  ledger.worked(own, 1);
  ledger.taken(worker, { items: 2, tokens: 60 });
  ledger.worked(worker, 3);
  ledger.duplicate(worker);
  ledger.count('bytes', 100);
  for (const seconds of [0.5, 0.1, 0.2]) ledger.firstUse(worker, seconds);
  ledger.firstUse(own, 0.3);
  ledger.redelivered(worker, 2);
  now = 4000;
  expect(ledger.report(facts)).toEqual({
    workers: [
      {
        ...{ ...own, items: 1, tokens: 10, redelivered: 0, duplicate: 0, rejected: 0, banned: false },
        ...{ tokensPerSecond: 10, idleShare: 0.75, policySecondsP50: 0.3, policySecondsP99: 0.3 },
      },
      {
        ...{ ...worker, items: 2, tokens: 60, redelivered: 2, duplicate: 1, rejected: 0, banned: true },
        ...{ tokensPerSecond: 20, idleShare: 0.25, policySecondsP50: 0.2, policySecondsP99: 0.5 },
      },
    ],
    ...{ connected: 1, tokensPerSecond: 17.5, items: 3, ownItems: 1, redelivered: 2, hedged: 0 },
    ...{ duplicate: 1, rejected: 0, policySecondsP50: 0.2, policySecondsP99: 0.5, bytes: 100 },
    ...{ logpDifferenceMean: Number.NaN, logpDifferenceMax: Number.NaN, flippedShare: Number.NaN },
  });
  now = 5000;
  expect(ledger.report({ ...facts, present: [] })).toMatchObject({
    ...{
      workers: [{ worker: TRAINER, idleShare: 1, policySecondsP99: Number.NaN }],
      connected: 0,
      items: 0,
      bytes: 0,
    },
    policySecondsP50: Number.NaN,
  });
});

test('machines beyond two thousand count in the sums, and have no figures of their own', () => {
  const own = { worker: TRAINER, name: TRAINER, class: 'c' };
  const ledger = new Ledger(own, () => 0);
  const workers = Array.from({ length: 2500 }, (_, i) => ({ worker: `w${i}`, name: 'W', class: 'c' }));
  const facts = { present: workers, isBanned: () => false };
  for (const machine of [...workers, own]) {
    ledger.taken(machine, { items: 1, tokens: 10 });
    ledger.redelivered(machine, 1);
    ledger.duplicate(machine);
    ledger.rejected(machine);
  }
  for (const machine of workers.slice(2000)) ledger.firstUse(machine, 0.5);
  const figures = ledger.report(facts);
  expect(figures).toMatchObject({
    ...{ connected: 2500, items: 2501, ownItems: 1, redelivered: 2501, duplicate: 2501, rejected: 2501 },
    ...{ policySecondsP50: 0.5, policySecondsP99: 0.5 },
  });
  expect(figures.workers.map(({ worker }) => worker)).toEqual(
    [own, ...workers.slice(0, 2000)].map(({ worker }) => worker),
  );
  expect(figures.workers.filter(({ items, tokens }) => items !== 1 || tokens !== 10)).toEqual([]);
  expect(ledger.report(facts)).toMatchObject({ items: 0, rejected: 0, policySecondsP50: Number.NaN });
});

/** Return work of some completions of 10 tokens. */
const workOf = (sequences: number, seconds: number) => ({
  lengths: Array.from({ length: sequences }, () => 10),
  seconds,
});
const fleetOf = (...names: string[]) =>
  new Fleet({
    active: names.map((name) => ({
      ...{ id: idOf(name), name, card: cardOf(name), refusal: null, heard: 0 },
    })),
  });

test('machines of unknown speed share alike, and measured ones by their speeds', () => {
  const fleet = fleetOf('a', 'b');
  expect(fleet.shares(60, 4)).toEqual({ own: 1 / 3, workers: 2, trainer: 1, least: 4, most: 20 });
  expect(fleet.ownShare).toBeCloseTo(1 / 3);
  expect(fleet.expectedMs).toBeUndefined();
  fleet.record(TRAINER, workOf(10, 0.5));
  fleet.record('a', workOf(10, 1));
  expect(fleet.ownShare).toBeCloseTo(200 / 400);
  fleet.record('b', workOf(10, 2));
  expect(fleet.ownShare).toBeCloseTo(200 / 350);
  expect(fleet.ownSequences(1)).toBeCloseTo(20);
  // The slowest makes five sequences in a second.
  const shares = fleet.shares(600, 4);
  expect(shares).toMatchObject({ workers: 3, trainer: 4 });
  expect(shares.most).toBeCloseTo(6);
  expect(fleet.expectedMs?.(5)).toBeCloseTo(1250);
  fleet.forget('b');
  expect(fleet.shares(600, 4)).toMatchObject({ workers: 2, trainer: 2 });
});

test('a group is split where it is much of a share, but not where smaller items take nearly as long', () => {
  const leastOf = (fixed: number, sequences: number) => {
    const fleet = fleetOf('a');
    for (const size of [2, 8, 16]) fleet.record('a', workOf(size, fixed + 0.1 * size));
    return fleet.shares(sequences, 8).least;
  };
  expect(leastOf(0, 100)).toBeCloseTo(1.5);
  expect(leastOf(0, 1000)).toBeCloseTo(15);
  // A third of an item's time may be fixed: 2.05 s of it are, with messages and checks.
  expect(leastOf(2, 100)).toBeCloseTo((2 * 2.005) / 0.1);
  const fleet = fleetOf('a');
  for (const size of [2, 8, 16]) fleet.record(TRAINER, workOf(size, 2 + 0.1 * size));
  // The costs of the worker are not known yet.
  expect(fleet.shares(100, 8).least).toBeCloseTo((2 * 2.005) / 0.1);
  expect(fleet.ownLeast).toBeCloseTo((2 * 2.005) / 0.1);
});

test('a machine whose items all take as long gets one of each call', () => {
  for (const seconds of [0.5, 3]) {
    const fleet = fleetOf('a');
    for (const size of [2, 8, 16]) fleet.record('a', workOf(size, seconds));
    const { least, most } = fleet.shares(100, 8);
    expect([least, most]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  }
});

test('whatever times machines tell, the items of a call are all of it', () => {
  const anySeconds = fc.oneof(
    fc.double({ min: 0, max: 86_400, noNaN: true }),
    fc.double({ min: 1e-3, max: 10, noNaN: true }),
    fc.constantFrom(0, Number.MIN_VALUE, 1e-300, 1, 3, 86_400),
  );
  const work = fc.record({
    machine: fc.constantFrom(TRAINER, 'a', 'b'),
    lengths: fc.array(fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constant(10)), { maxLength: 12 }),
    seconds: anySeconds,
  });
  const calls = fc.record({
    works: fc.array(work, { maxLength: 20 }),
    groups: fc.integer({ min: 1, max: 40 }),
    groupSize: fc.integer({ min: 1, max: 16 }),
  });
  fc.assert(
    fc.property(calls, ({ works, groups, groupSize }) => {
      const fleet = fleetOf('a', 'b');
      for (const { machine, ...measured } of works) fleet.record(machine, measured);
      const shares = fleet.shares(groups * groupSize, groupSize);
      expect(Object.entries(shares).filter(([, value]) => Number.isNaN(value))).toEqual([]);
      expect([shares.workers, shares.trainer].every(Number.isFinite)).toBe(true);
      const shared = sharedGroups(groups, groupSize, shares);
      expect(shared.reduce((sum, each) => sum + each.groups, 0)).toBe(groups);
    }),
    { numRuns: 1000 },
  );
});

test('a worker that says it is slow is not waited for long, and gets no tiny items', () => {
  const fleet = fleetOf('a');
  fleet.record(TRAINER, workOf(100, 10));
  fleet.record('a', workOf(1, 80_000));
  expect(fleet.expectedMs?.(10)).toBeLessThan(10_500);
  expect(fleet.shares(100, 1)).toMatchObject({ workers: 1, trainer: 16 });
  expect(fleet.shares(100, 1).most).toBeGreaterThan(1);
});

test('a first use of weights is measured once for each worker and version', () => {
  const use = new PolicyUse();
  use.published(3, 1000);
  expect(use.used(3, 'a', 1500)).toBe(0.5);
  expect(use.used(3, 'a', 9000)).toBeUndefined();
  expect(use.used(3, 'b', 900)).toBe(0);
  expect(use.used(4, 'a', 1500)).toBeUndefined();
});

test('facts of a result are read back; what cannot be is left out', () => {
  const facts = { seconds: 1.25, deliveries: 3 };
  expect(readResultHeaders(resultHeaders(facts))).toEqual(facts);
  expect(readResultHeaders(undefined)).toEqual({ seconds: 0, deliveries: 1 });
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e9])
    expect(readResultHeaders(resultHeaders({ seconds: bad, deliveries: bad }))).toEqual({
      seconds: 0,
      deliveries: 1,
    });
});

test('a turnstile lets a limited number in, in order', async () => {
  const turnstile = new Turnstile(2);
  const inside: number[] = [];
  const places = [0, 1, 2, 3].map(async (i) => {
    const place = await turnstile.enter();
    inside.push(i);
    return place;
  });
  const [first, second] = await Promise.all(places.slice(0, 2));
  expect(inside).toEqual([0, 1]);
  second?.[Symbol.dispose]();
  await places[2];
  expect(inside).toEqual([0, 1, 2]);
  first?.[Symbol.dispose]();
  await places[3];
  expect(inside).toEqual([0, 1, 2, 3]);
});

test('a run of another class is refused unless any is taken, and a ban before the class', () => {
  const card = { protocol: 1, version: '1', class: 'x', adapter: 'X' };
  const spec = { version: '1', mode: 'same-class', class: 'wasm-1', adapter: 'Y' } as const;
  const ban = { reason: 'banned', problem: 'p', fix: 'f' } as const;
  expect(refusalOf(card, spec, null)).toMatchObject({
    reason: 'class',
    fix: expect.stringContaining('--adapter wasm'),
  });
  expect(refusalOf(card, { ...spec, mode: 'any' }, null)).toBeNull();
  expect(refusalOf({ ...card, class: 'wasm-1' }, spec, null)).toBeNull();
  expect(refusalOf(card, spec, ban)).toBe(ban);
  expect(refusalOf({ ...card, version: '2' }, spec, ban)).toMatchObject({ reason: 'version' });
  expect(refusalOf({ ...card, protocol: 2, version: '2' }, spec, ban)).toMatchObject({ reason: 'protocol' });
});
