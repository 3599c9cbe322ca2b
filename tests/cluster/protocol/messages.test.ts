/** Messages: what is sent arrives, and what is not as the protocol says is refused, whatever it is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ClusterError } from '../../../src/cluster/protocol/error.ts';
import {
  decodeMessage,
  encodeMessage,
  MOST_JSON_BYTES,
  trainerCardSchema,
  welcomeSchema,
  workerCardSchema,
  workItemSchema,
} from '../../../src/cluster/protocol/messages.ts';
import { specBytes, specDigest, specSchema } from '../../../src/cluster/protocol/spec.ts';
import { specs, trainerCards, welcomes, workerCards, workItems } from '../arbitraryMessages.ts';

interface Kind {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly messages: fc.Arbitrary<object>;
}

const KINDS: readonly Kind[] = [
  { name: 'a work item', schema: workItemSchema, messages: workItems },
  { name: "a worker's card", schema: workerCardSchema, messages: workerCards },
  { name: 'a welcome', schema: welcomeSchema, messages: welcomes },
  { name: "a trainer's card", schema: trainerCardSchema, messages: trainerCards },
  { name: 'a spec', schema: specSchema, messages: specs },
];

/** Read bytes. @returns undefined if they are refused, as they must be, by one kind of error. */
function read(schema: z.ZodType, bytes: Uint8Array): unknown {
  try {
    return decodeMessage(schema, bytes, 'it');
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== 'BAD_MESSAGE') throw error;
    return undefined;
  }
}

describe.each(KINDS)('$name', ({ schema, messages }) => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(messages, (message) => {
        // JSON knows no -0.
        expect(read(schema, encodeMessage(message))).toEqual(JSON.parse(JSON.stringify(message)));
      }),
    );
  });

  it('is refused without one of its fields, with another one, and with a field of another kind', () => {
    const others = fc.constantFrom<unknown>('?', -1, 0.5, null, [], {}, [[-1]], 1e300);
    fc.assert(
      fc.property(messages, fc.nat(), others, (message, which, other) => {
        const entries = Object.entries(message);
        const [field = ''] = entries[which % entries.length] ?? [];
        const without = Object.fromEntries(entries.filter(([key]) => key !== field));
        expect(read(schema, encodeMessage(without))).toBeUndefined();
        expect(read(schema, encodeMessage({ ...message, more: 1 }))).toBeUndefined();
        const changed = read(schema, encodeMessage({ ...message, [field]: other }));
        if (changed !== undefined) expect(changed).toEqual({ ...message, [field]: other });
      }),
    );
  });

  it('is refused, or read as what it says, with any byte changed', () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat({ max: 255 }), (message, at, byte) => {
        const bytes = encodeMessage(message);
        bytes[at % bytes.length] = byte;
        const found = read(schema, bytes);
        if (found !== undefined) expect(found).toEqual(JSON.parse(new TextDecoder().decode(bytes)));
      }),
      { numRuns: 1000 },
    );
  });

  it('is refused if it is cut', () => {
    fc.assert(
      fc.property(messages, fc.nat(), (message, cut) => {
        const bytes = encodeMessage(message);
        expect(read(schema, bytes.subarray(0, cut % bytes.length))).toBeUndefined();
      }),
    );
  });
});

it('refuses bytes that are no JSON, in one line that names the message', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(read(welcomeSchema, bytes)).toBeUndefined();
    }),
  );
  expect(() => decodeMessage(welcomeSchema, Uint8Array.of(0xff), 'the welcome')).toThrow(
    /^the welcome: it is not JSON; run the same version/,
  );
});

it('refuses more bytes than a message may have, before it reads them', () => {
  const bytes = new Uint8Array(MOST_JSON_BYTES + 1).fill(0x20);
  expect(() => decodeMessage(welcomeSchema, bytes, 'the welcome')).toThrow(/it has 1000001 bytes/);
});

it('names the field at fault', () => {
  const welcome = { epoch: -1, state: 'running', spec: 'a'.repeat(64), refusal: null };
  expect(() => decodeMessage(welcomeSchema, encodeMessage(welcome), 'it')).toThrow(/^it: epoch is not/);
});

it('takes no work item out of the range of samplers', () => {
  const [item] = fc.sample(workItems, { numRuns: 1, seed: 1 });
  if (!item) throw new Error('no item');
  for (const change of [
    { groupSize: 0 },
    { groupSize: 65_537 },
    { maxNewTokens: 0 },
    { temperature: 1e-7 },
    { temperature: -1 },
    { topP: 0 },
    { topP: 1.1 },
    { minP: -0.1 },
    { seed: 2 ** 32 },
    { firstSequenceId: -1 },
  ]) {
    const changed = { ...item, sampling: { ...item.sampling, ...change } };
    expect(read(workItemSchema, encodeMessage(changed))).toBeUndefined();
  }
  for (const prompts of [[], [[]], [[0.5]], [[-1]], 'text'])
    expect(read(workItemSchema, encodeMessage({ ...item, prompts }))).toBeUndefined();
  for (const id of ['', 'a.b', 'a b', '>', '*', 'é', 'a'.repeat(65)])
    expect(read(workItemSchema, encodeMessage({ ...item, id }))).toBeUndefined();
});

it('names a spec by the bytes that are sent', async () => {
  await fc.assert(
    fc.asyncProperty(specs, specs, async (one, other) => {
      const [a, b] = [specBytes(one), specBytes(other)];
      const isSame = new TextDecoder().decode(a) === new TextDecoder().decode(b);
      expect((await specDigest(a)) === (await specDigest(b))).toBe(isSame);
      expect(await specDigest(a)).toMatch(/^[0-9a-f]{64}$/);
    }),
    { numRuns: 30 },
  );
});
