import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADAPTER_CHOICES } from '../../../app/src/lab/protocol.ts';
import { looksLikeCredentials } from '../../../app/src/lend/credentials.ts';
import { type Remembered, settingsFrom } from '../../../app/src/lend/remembered.ts';

const settings: fc.Arbitrary<Remembered> = fc.record({
  server: fc.string(),
  name: fc.string(),
  adapter: fc.constantFrom(...ADAPTER_CHOICES),
  credentials: fc.option(fc.string(), { nil: undefined }),
});

describe('remembered settings', () => {
  it('come back from what was stored', () => {
    fc.assert(
      fc.property(settings, (original) => {
        expect(settingsFrom(JSON.parse(JSON.stringify(original)))).toEqual(original);
      }),
    );
  });

  it('are none in anything else', () => {
    const other = fc.oneof(fc.jsonValue(), fc.record({ server: fc.anything(), name: fc.anything() }));
    fc.assert(
      fc.property(other, (value) => {
        expect(settingsFrom(value)).toBeUndefined();
      }),
    );
  });
});

describe('credentials', () => {
  const text =
    '-----BEGIN NATS USER JWT-----\neyJ\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\nSU\n';

  it('have a JWT and a seed', () => {
    expect(looksLikeCredentials(text)).toBe(true);
    expect(looksLikeCredentials(text.slice(0, 60))).toBe(false);
    expect(looksLikeCredentials('')).toBe(false);
  });
});
