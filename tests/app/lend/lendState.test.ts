import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heard, IDLE, type LendState, OPENING } from '../../../app/src/lend/lendState.ts';
import type { LendEvent, LendReport } from '../../../app/src/lend/protocol.ts';

const device = { kind: 'wasm', description: 'WebAssembly SIMD', class: 'wasm-1' } as const;
const counts = { items: 3, tokens: 40, tokensPerSecond: 20 };
const refusal = { reason: 'class', problem: 'another class', fix: 'use wasm' } as const;
const failure = { code: 'NOT_AUTHORIZED', problem: 'no', fix: 'ask' };
const run = { run: 'r1', name: 'sums' };
const event = (event: LendEvent): LendReport => ({ type: 'event', event });

const stateAfter = (...reports: readonly LendReport[]): LendState => reports.reduce(heard, OPENING);
const working = [
  { type: 'device', device },
  { type: 'connected' },
  event({ type: 'joined', ...run }),
] as const;

describe('the state of a lent tab', () => {
  it('goes from the device to the server, to a run, and back to waiting', () => {
    expect(stateAfter(...working.slice(0, 1))).toMatchObject({ status: 'connecting', device });
    expect(stateAfter(...working.slice(0, 2)).status).toBe('waiting');
    const state = stateAfter(...working, event({ type: 'weights', version: 7, bytes: 1, seconds: 1 }), {
      type: 'counts',
      counts,
    });
    expect(state).toMatchObject({ status: 'working', run: 'sums', version: 7, counts });
    const left = heard(state, event({ type: 'left', ...run, reason: 'done' }));
    expect(left).toMatchObject({ status: 'waiting', run: undefined, counts });
  });

  it('tells a lost connection, and goes on where it was', () => {
    const lost = stateAfter(...working, event({ type: 'disconnected' }));
    expect(lost.status).toBe('disconnected');
    expect(heard(lost, event({ type: 'reconnected' })).status).toBe('working');
    expect(
      stateAfter(...working.slice(0, 2), event({ type: 'disconnected' }), event({ type: 'reconnected' }))
        .status,
    ).toBe('waiting');
  });

  it('keeps one message about a run, until a run takes it', () => {
    const refused = event({ type: 'refused', ...run, refusal });
    const unable = event({ type: 'unable', ...run, failure });
    expect(stateAfter(refused).notices).toEqual([
      {
        ...{ about: 'r1', problem: 'The run sums refuses this tab: another class', fix: 'use wasm' },
        isOfClass: true,
      },
    ]);
    expect(stateAfter(refused, unable).notices).toEqual([
      { about: 'r1', problem: 'This tab cannot work for the run sums: no', fix: 'ask' },
    ]);
    expect(stateAfter(refused, event({ type: 'joined', ...run })).notices).toEqual([]);
  });

  it('ends idle with its counts, and with the failure if there was one', () => {
    const state = stateAfter(...working, { type: 'counts', counts }, { type: 'ended', failure });
    expect(state).toMatchObject({ status: 'idle', run: undefined, counts, failure });
    expect(stateAfter({ type: 'ended' }).failure).toBeUndefined();
    expect(heard(state, { type: 'ended' })).toMatchObject({ ...IDLE, counts, device });
  });

  it('stays stopping until it has ended, whatever is heard meanwhile', () => {
    const reports: readonly LendReport[] = [
      ...working,
      ...[event({ type: 'disconnected' }), event({ type: 'reconnected' }), event({ type: 'waiting' })],
      ...[event({ type: 'left', ...run, reason: 'stopped' }), event({ type: 'returned', problem: 'x' })],
      ...[event({ type: 'deviceLost', problem: 'x' }), event({ type: 'item', tokens: 1, seconds: 1 })],
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...reports)), (some) => {
        const state = some.reduce(heard, { ...OPENING, status: 'stopping' });
        expect(state.status).toBe('stopping');
        expect(heard(state, { type: 'ended' }).status).toBe('idle');
      }),
    );
  });
});
