/** Random messages of the protocol, all of them valid. */
import fc from 'fast-check';
import type { TrainerCard, Welcome, WorkerCard, WorkItem } from '../../src/cluster/protocol/messages.ts';
import type { Spec } from '../../src/cluster/protocol/spec.ts';

export const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const count = fc.nat();
const name = fc.string({ unit: 'grapheme', maxLength: 30 });
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const amount = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const uint32 = fc.nat({ max: 2 ** 32 - 1 });

export const workItems: fc.Arbitrary<WorkItem> = fc.record({
  id: token,
  epoch: count,
  job: count,
  policy: fc.record({
    version: count,
    sha256: digest,
    bytes: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    chunks: fc.integer({ min: 1, max: 2 ** 21 }),
  }),
  spec: digest,
  prompts: fc.array(fc.array(count, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 }),
  sampling: fc.record({
    groupSize: fc.integer({ min: 1, max: 65_536 }),
    maxNewTokens: fc.integer({ min: 1, max: 65_536 }),
    temperature: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e3, noNaN: true })),
    topK: count,
    topP: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    minP: share,
    seed: uint32,
    firstSequenceId: uint32,
  }),
});

export const workerCards: fc.Arbitrary<WorkerCard> = fc.record({
  protocol: count,
  key: token,
  instance: token,
  name,
  version: name,
  class: name,
  adapter: name,
  platform: name,
  tokensPerSecond: amount,
  items: count,
  run: fc.option(token),
});

const refusals = fc.option(
  fc.record({
    reason: fc.constantFrom('protocol', 'version', 'class', 'banned'),
    problem: name,
    fix: name,
  }),
);
const states = fc.constantFrom('running', 'draining', 'done');

export const welcomes: fc.Arbitrary<Welcome> = fc.record({
  epoch: count,
  state: states,
  spec: digest,
  refusal: refusals,
});

export const trainerCards: fc.Arbitrary<TrainerCard> = fc.record({
  protocol: count,
  run: token,
  name,
  version: name,
  mode: fc.constantFrom('same-class', 'any'),
  class: name,
  adapter: name,
  epoch: count,
  state: states,
  spec: digest,
  served: count,
  workers: fc.array(fc.record({ card: workerCards, refusal: refusals, silentSeconds: amount }), {
    maxLength: 3,
  }),
});

// A field of this name is no field of an object.
const field = token.filter((name) => name !== '__proto__');

export const specs: fc.Arbitrary<Spec> = fc.record({
  protocol: count,
  version: name,
  mode: fc.constantFrom('same-class', 'any'),
  class: name,
  adapter: name,
  model: fc.dictionary(field, fc.oneof(fc.integer(), fc.boolean(), fc.string())),
  eos: count,
  matmulPrecision: fc.constantFrom('highest', 'medium'),
  kernels: fc.dictionary(field, fc.oneof(fc.string(), fc.record({ variant: name, source: name }))),
});
